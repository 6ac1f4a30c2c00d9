"""What came with versions 4 and 6: boxes or masks alone, and tracks of a classifier alone. What was before stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_elsewhere import elsewhere
from pydantic import ValidationError
from record_values import DECOUPLED, boxes_alone, errors, masks_alone, metrics

from lt_bench.leaderboard import ResultRecord, read, record_path, write
from lt_bench.leaderboard.seal import broken

COMMITTED = Path(__file__).parents[2] / "leaderboards" / "results"
FURTHER = {"ap_fixed": {kind: metrics(0.5) for kind in ("bbox", "segm")}, "errors": errors()}


@pytest.mark.parametrize("path", sorted(COMMITTED.rglob("*.json")), ids=lambda path: path.name)
def test_the_committed_records_stay_as_they_are(path: Path, tmp_path: Path) -> None:
    record = read(path)
    write(record, tmp_path / "r.json")
    assert (tmp_path / "r.json").read_bytes() == path.read_bytes()
    assert path.parts[-3:] == record_path(record).parts  # the name holds the identity
    assert record.schema_version >= 4 or (record.kind == "segm" and record.track.features is None)
    assert record.elsewhere is None
    if record.schema_version >= 3:
        assert broken(record.model_dump(mode="json")) == []


def content_of(record: ResultRecord, **fields: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(record.model_dump_json())
    return content | fields


def test_a_record_of_boxes_alone_reads_back_and_names_no_masks(tmp_path: Path, make_record) -> None:
    content = boxes_alone(content_of(make_record(track=DECOUPLED, **FURTHER)))
    record = ResultRecord.model_validate(content)
    assert (record.kind, record.kinds) == ("bbox", ("bbox",))
    assert record.extensions() == ["ap_fixed", "errors"]
    write(record, tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    again = read(tmp_path / "r.json")
    assert again.model_copy(update={"seal": None}) == record
    assert broken(again.model_dump(mode="json")) == []
    assert json.loads(text)["track"]["features"] == DECOUPLED["features"]
    assert not any(name in text for name in ("segm", "boundary", "null", "NaN"))


def test_masks_are_everywhere_or_nowhere(make_record) -> None:
    boxes = boxes_alone(content_of(make_record(**FURTHER)))
    masks = content_of(make_record(**FURTHER))
    for place, kept in (("metrics", masks), ("ap_fixed", masks), ("errors", masks)):
        without = {**kept, place: {"bbox": kept[place]["bbox"]}}
        with pytest.raises(ValidationError, match="segm"):
            ResultRecord.model_validate(without)
        with pytest.raises(ValidationError, match=place):
            ResultRecord.model_validate({**boxes, place: masks[place]})
    with pytest.raises(ValidationError, match="ap_boundary"):
        ResultRecord.model_validate({**boxes, "ap_boundary": metrics(0.5)})
    for name in ("segm", "segm_fixed", "boundary"):
        rows = [{**boxes["per_class"][0], name: 0.5}, *boxes["per_class"][1:]]
        with pytest.raises(ValidationError, match=name):
            ResultRecord.model_validate({**boxes, "per_class": rows})
    rows = [boxes["per_class"][0], *masks["per_class"][1:]]
    with pytest.raises(ValidationError, match=r"per_class\.3\.segm is missing"):
        ResultRecord.model_validate({**masks, "per_class": rows})


def test_boxes_are_missing_everywhere_or_nowhere_and_only_of_predictions_made_elsewhere(make_record) -> None:
    trained = make_record(**FURTHER)
    content = masks_alone(content_of(elsewhere(trained)))
    assert ResultRecord.model_validate(content).kinds == ("segm",)
    with pytest.raises(ValidationError, match="only predictions made elsewhere"):
        ResultRecord.model_validate(masks_alone(content_of(trained)))
    with pytest.raises(ValidationError, match="schema_version 5 has boxes"):
        ResultRecord.model_validate({**content, "schema_version": 5})
    with pytest.raises(ValidationError, match="neither bbox nor segm"):
        ResultRecord.model_validate({**content, "metrics": {}})
    for place in ("ap_fixed", "errors"):
        with pytest.raises(ValidationError, match=rf"{place}\.bbox is of boxes"):
            ResultRecord.model_validate({**content, place: content_of(trained)[place]})
    rows = [{**content["per_class"][0], "bbox": 0.5}, *content["per_class"][1:]]
    with pytest.raises(ValidationError, match=r"per_class\.3\.bbox is of boxes"):
        ResultRecord.model_validate({**content, "per_class": rows})


@pytest.mark.parametrize("version", [1, 2, 3])
def test_earlier_versions_have_masks_and_no_features(make_record, version: int) -> None:
    earlier = content_of(make_record(schema_version=version))
    with pytest.raises(ValidationError, match=f"schema_version {version} has masks"):
        ResultRecord.model_validate(boxes_alone(earlier))
    with pytest.raises(ValidationError, match=f"schema_version {version} has no features"):
        ResultRecord.model_validate({**earlier, "track": DECOUPLED})


def test_features_go_with_the_schedule_probe(make_record) -> None:
    assert make_record(track=DECOUPLED).track.features
    for track in ({**DECOUPLED, "schedule": "1x"}, {**DECOUPLED, "features": None}):
        with pytest.raises(ValidationError, match="features go with the schedule"):
            make_record(track=track)


def test_features_are_part_of_the_identity(make_record) -> None:
    names = {make_record(track={**DECOUPLED, "features": name}).identity() for name in ("a", "b")}
    assert len(names) == 2
