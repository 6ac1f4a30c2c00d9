"""Evidence on disk: what is read is what was written, and what a file says of itself is not believed."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence import check
from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.file import read_evidence, write_evidence
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.utils.files import sha256_of

Make = Callable[..., Evidence]


@pytest.fixture
def make(made_set: Any, write: Any) -> Make:
    """Evidence of a made set; images 90 and 91 have nothing."""

    def made(*quirks: str, kinds: Any = ("bbox", "segm"), single: bool = True) -> Evidence:
        truth, rows = made_set(5, *quirks)
        truth["images"] += [{**truth["images"][0], "id": key, "neg_category_ids": []} for key in (91, 90)]
        for row in rows if single else ():
            row["score"] = float(np.float32(row["score"]))
        loaded = load_ground_truth(write("truth.json", truth))
        detections = read_detections(write("rows.json", rows), loaded, masks="segm" in kinds)
        return collect(loaded, detections, kinds, predictions="d" * 64)

    return made


def assert_same(left: Evidence, right: Evidence) -> None:
    for field in dataclasses.fields(Evidence):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if field.name == "outcomes":
            assert list(one) == list(other)
            for kind in one:
                for name in ("correct", "ignored"):
                    assert_same_array(getattr(one[kind], name), getattr(other[kind], name))
        elif isinstance(one, np.ndarray):
            assert_same_array(one, other)
        else:
            assert one == other, field.name


def assert_same_array(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_array_equal(one, other)
    assert one.dtype == other.dtype


@pytest.mark.parametrize("kinds", [("bbox", "segm"), ("bbox",), ("segm",)], ids="+".join)
@pytest.mark.parametrize("quirks", [(), ("ties", "ignore"), ("no area", "many")], ids="+".join)
def test_what_is_read_is_what_was_written(tmp_path: Path, make: Make, quirks: tuple[str, ...], kinds: Any) -> None:
    evidence = make(*quirks, kinds=kinds)
    assert (evidence.object_count[:, 0] == 0).any() == ("ignore" in quirks)
    path = tmp_path / "evidence.parquet"
    digest = write_evidence(evidence, path)
    assert digest == sha256_of(path)
    assert_same(read_evidence(path), evidence)
    assert write_evidence(read_evidence(path), tmp_path / "again.parquet") == digest


@pytest.mark.parametrize("single", [True, False])
def test_scores_take_no_more_room_than_they_need(tmp_path: Path, make: Make, single: bool) -> None:
    evidence = make(single=single)
    write_evidence(evidence, tmp_path / "evidence.parquet")
    assert pq.read_schema(tmp_path / "evidence.parquet").field("score").type == (
        pa.float32() if single else pa.float64()
    )
    np.testing.assert_array_equal(read_evidence(tmp_path / "evidence.parquet").score, evidence.score)


def test_nothing_at_all_is_evidence_too(tmp_path: Path, write: Any) -> None:
    truth: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    truth["images"] = [{"id": 4, "height": 9, "width": 9, "neg_category_ids": [], "not_exhaustive_category_ids": []}]
    truth["categories"] = [{"id": 1, "name": "one", "frequency": "r"}]
    loaded = load_ground_truth(write("truth.json", truth))
    detections = read_detections(write("rows.json", []), loaded, masks=True)
    evidence = collect(loaded, detections, ("bbox", "segm"), predictions="d" * 64)
    write_evidence(evidence, tmp_path / "evidence.parquet")
    assert_same(read_evidence(tmp_path / "evidence.parquet"), evidence)


def rewritten(path: Path, change: Callable[[dict[str, list[Any]], dict[str, Any]], None]) -> Path:
    """A copy of a file of evidence whose columns or header `change` has altered in place."""
    file = pq.ParquetFile(path)
    columns, header = file.read().to_pydict(), json.loads(file.metadata.metadata[b"lt_bench.evidence"])
    change(columns, header)
    fields = [field for field in file.schema_arrow if field.name in columns]
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    copy = path.with_name("changed.parquet")
    with pq.ParquetWriter(copy, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"lt_bench.evidence": json.dumps(header)})
    return copy


def setter(name: str, row: int, value: Any) -> Callable[..., None]:
    def change(columns: dict[str, list[Any]], header: dict[str, Any]) -> None:
        columns[name][row] = value

    return change


def swapped(columns: dict[str, list[Any]], header: dict[str, Any]) -> None:
    for values in columns.values():
        values[0], values[20] = values[20], values[0]


def first_object(change: Callable[..., None]) -> Callable[..., None]:
    """Applied to the row of the first pair that has objects."""

    def at_object(columns: dict[str, list[Any]], header: dict[str, Any]) -> None:
        row = columns["objects_all"].index(next(filter(None, columns["objects_all"])))
        change(columns, row)

    return at_object


def both(columns: dict[str, list[Any]], header: dict[str, Any]) -> None:
    row = next(index for index, bits in enumerate(columns["segm_correct_small"]) if bits)
    columns["segm_ignored_small"][row] = columns["segm_correct_small"][row]


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "a later version": (lambda columns, header: header.update(schema_version=2), "schema_version 2; .* reads 1"),
    "a digest cut short": (lambda columns, header: header.update(annotations="ab"), "metadata: annotations"),
    "something unknown": (lambda columns, header: header.update(more=1), "metadata: more"),
    "another frequency": (lambda c, header: header["categories"][0].update(frequency="x"), "categories.0.frequency"),
    "categories in no order": (lambda columns, header: header["categories"].reverse(), "categories are not ascending"),
    "a kind twice": (lambda columns, header: header.update(kinds=["bbox", "bbox"]), "kinds: .*twice"),
    "a kind without columns": (lambda columns, header: header.update(kinds=["bbox"]), "columns are"),
    "a column missing": (lambda columns, header: columns.pop("bbox_correct_all"), "columns are"),
    "an unknown category": (setter("category", 0, -5), "detections: category -5 is unknown"),
    "an unknown image": (setter("image", 0, 99), "detections: image 99 is unknown"),
    "an unknown image of objects": (first_object(lambda c, row: setter("image", row, 99)(c, {})), "objects: image 99"),
    "a score that is none": (setter("score", 0, float("nan")), "score is not finite"),
    "no score": (setter("score", 0, None), "null in the wrong rows"),
    "no outcome": (setter("segm_ignored_all", 0, None), "segm_ignored_all is null in the wrong rows"),
    "no category": (setter("category", 0, None), "category is null in the wrong rows"),
    "objects of a detection": (setter("objects_all", 0, 1), "null in the wrong rows"),
    "another order": (swapped, "detections are not in order"),
    "an eleventh threshold": (setter("bbox_ignored_all", 0, 1 << 10), "more than the bits of 10"),
    "correct and ignored": (both, "segm_correct_small, segm_ignored_small: a detection is both"),
    "fewer than no objects": (first_object(lambda c, row: setter("objects_small", row, -1)(c, {})), "negative"),
    "more small ones than all": (first_object(lambda c, row: setter("objects_small", row, 99)(c, {})), "more than obj"),
    "images in no order": (setter("image", -1, 1), "images are not ascending"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=list(WRONG))
def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, make: Make, change: Callable[..., None], message: str
) -> None:
    path = tmp_path / "evidence.parquet"
    evidence = make()
    write_evidence(evidence, path)
    assert_same(read_evidence(rewritten(path, lambda columns, header: None)), evidence)
    with pytest.raises(UserError, match=rf"changed\.parquet: no evidence: .*{message}"):
        read_evidence(rewritten(path, change))


def test_more_correct_detections_than_objects_are_refused(tmp_path: Path, make: Make) -> None:
    evidence = make("many")
    evidence.outcomes["bbox"].correct[:] |= np.uint16(1 << 9)
    evidence.outcomes["bbox"].ignored[:] &= np.uint16(1023 - (1 << 9))
    write_evidence(evidence, tmp_path / "evidence.parquet")
    with pytest.raises(UserError, match="bbox_correct_all: more correct detections than objects"):
        read_evidence(tmp_path / "evidence.parquet")


def test_damaged_bytes_are_refused_or_change_nothing_that_is_not_checked(tmp_path: Path, make: Make) -> None:
    """Whatever a byte is changed to, there is either evidence or a message that names the file."""
    path = tmp_path / "evidence.parquet"
    write_evidence(make(), path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.integers(len(content), size=150).tolist():
        damaged = bytearray(content)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            read_evidence(path)
        except UserError as error:
            assert error.message.startswith(f"{path}: ")
            refused += 1
    assert refused > 75


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"{}", b"PAR1" + b"\xff" * 200 + b"PAR1"])
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "evidence.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"evidence\.parquet: "):
        read_evidence(tmp_path / "evidence.parquet")
    with pytest.raises(UserError, match=r"absent\.parquet: can't be read: .*No such file"):
        read_evidence(tmp_path / "absent.parquet")
    os.mkfifo(tmp_path / "pipe.parquet")
    for path in (tmp_path, tmp_path / "pipe.parquet"):
        with pytest.raises(UserError, match="it is not a regular file"):
            read_evidence(path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(UserError, match=r"other\.parquet: no evidence: its metadata has no lt_bench\.evidence"):
        read_evidence(tmp_path / "other.parquet")


@pytest.mark.parametrize("limit", ["LARGEST", "MOST_ROWS", "LARGEST_DECODED"])
def test_what_is_too_large_is_not_read(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    write_evidence(make(), tmp_path / "evidence.parquet")
    monkeypatch.setattr(check, limit, 100)
    with pytest.raises(UserError, match=r"more than"):
        read_evidence(tmp_path / "evidence.parquet")
