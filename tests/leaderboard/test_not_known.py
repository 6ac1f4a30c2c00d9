"""Version 5: records of predictions that were made elsewhere. They say nothing of what nobody here knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_elsewhere import FILE, elsewhere
from pydantic import ValidationError

from lt_bench.leaderboard import ResultRecord, read, record_path, write
from lt_bench.leaderboard.not_known import NOT_KNOWN
from lt_bench.leaderboard.seal import broken


def test_a_record_has_on_disk_what_was_measured_and_no_more(tmp_path: Path, make_record) -> None:
    record = elsewhere(make_record(), notes=["a note"])
    write(record, tmp_path / "r.json")
    content = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert set(content) == {
        *("schema_version", "loss", "track", "seed", "metrics", "per_class", "evaluator", "evaluation_seconds"),
        *("versions", "git", "data", "predictions", "started", "notes", "elsewhere", "seal"),
    }
    assert content["loss"] == {"name": "theirs"}
    assert content["track"] == {"dataset": "made"}
    assert set(content["data"]) == {"val_annotations", "classes", "val_images"}
    assert content["elsewhere"] == FILE
    again = read(tmp_path / "r.json")
    assert again.model_copy(update={"seal": None}) == record
    assert broken(again.model_dump(mode="json")) == []
    assert record_path(record).parts[:2] == ("made", "elsewhere")


@pytest.mark.parametrize(
    "fields",
    [
        {"training_seconds": 5.0},
        {"iterations": 1},
        {"fingerprint": "a" * 64},
        {"overrides": ["x=1"]},
        {"amp": True},
        {"track": {"dataset": "made", "detector": "mask_rcnn"}},
        {"loss": {"name": "theirs", "hyper_parameters": {"gamma": 2}}},
        {"init": {"kind": "random", "description": "seed 0"}},
        {"device": {"name": "H200", "count": 8, "kind": "cuda"}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_can_not_be_known_is_refused(make_record, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        elsewhere(make_record(), **fields)


def test_a_trained_record_needs_all_that_it_had_before(make_record) -> None:
    content = json.loads(make_record().model_dump_json())
    for name in NOT_KNOWN:
        without = {key: value for key, value in content.items() if key != name}
        if name in ("overrides", "amp"):
            continue  # they have defaults
        with pytest.raises(ValidationError, match=name):
            ResultRecord.model_validate(without)
    with pytest.raises(ValidationError, match=r"init\.kind is unknown"):
        make_record(init={"kind": "unknown", "description": "?"})
    for version in (1, 2, 3, 4):
        with pytest.raises(ValidationError, match=f"schema_version {version} has no"):
            elsewhere(make_record(), schema_version=version)


def test_the_same_name_and_run_is_the_same_record(make_record) -> None:
    first, other = elsewhere(make_record(ap=0.25)), elsewhere(make_record(ap=0.5), predictions="e" * 64)
    assert first.identity() == other.identity()
    assert len({first.identity(), elsewhere(make_record(), seed=1).identity(), make_record().identity()}) == 3
