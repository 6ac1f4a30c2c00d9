"""Predictions read in chunks, against the same file read one detection after the other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odd_sets import odd_set
from same_detections import assert_same

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs import chunk_reader
from lt_bench.evaluation.inputs import detections as module
from lt_bench.evaluation.inputs.chunk_reader import Irregular, read_chunks
from lt_bench.evaluation.inputs.detections import Detections, read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.predictions import write_predictions

ROW = (
    '{"image_id":1,"category_id":2,"bbox":[1.5,2,3e1,4],"score":0.25,'
    '"segmentation":{"size":[2,3],"counts":"06"},"extra":{"a":[1,"},"]}}'
)
LINES = f"[\n{ROW},\n{ROW},\n{ROW}\n]\n"


def annotation_file(folder: Path) -> Path:
    image = {"id": 1, "height": 2, "width": 3, "neg_category_ids": [2], "not_exhaustive_category_ids": []}
    categories = [{"id": 2, "name": "a", "frequency": "r"}, {"id": 3, "name": "b", "frequency": "f"}]
    path = folder / "truth.json"
    path.write_text(json.dumps({"images": [image], "annotations": [], "categories": categories}))
    return path


def one_by_one(path: Path, truth: object, masks: bool, boxes: bool = True) -> Detections:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "read_chunks", lambda *_: (_ for _ in ()).throw(Irregular))
        return read_detections(path, truth, masks, boxes)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [600, 1000, 5000, 1 << 24])
@pytest.mark.parametrize("masks", [False, True])
def test_chunks_of_any_size_give_what_stands_in_the_file(tmp_path, monkeypatch, masks: bool, size: int) -> None:
    monkeypatch.setattr(chunk_reader, "CHUNK_BYTES", size)
    monkeypatch.setattr(chunk_reader, "PARSED_BYTES", 1000)
    truth, rows = odd_set(np.random.default_rng(size), {"ties", "odd scores", "huge"})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    write_predictions(tmp_path / "rows.json", rows)
    loaded = load_ground_truth(tmp_path / "truth.json")
    assert len(list(read_chunks(tmp_path / "rows.json", loaded, masks, True))) > 3 or size > 1000
    found = read_detections(tmp_path / "rows.json", loaded, masks)
    assert found.total == len(rows)
    assert_same(found, one_by_one(tmp_path / "rows.json", loaded, masks))

    listed = {(image["id"], key) for image in truth["images"] for key in image["neg_category_ids"]}
    listed |= {(row["image_id"], row["category_id"]) for row in truth["annotations"] if row["area"] > 0}
    kept = [row for row in rows if (row["image_id"], row["category_id"]) in listed]
    assert 0 < len(kept) < len(rows)
    assert found.image.tolist() == [row["image_id"] for row in kept]
    assert found.category.tolist() == [row["category_id"] for row in kept]
    assert found.score.tolist() == [row["score"] for row in kept]
    assert found.box.tolist() == [row["bbox"] for row in kept]
    if masks:
        assert found.counts is not None
        assert found.counts.to_pylist() == [row["segmentation"]["counts"].encode() for row in kept]
    for name, ranks in (("image_id", found.image_rank), ("category_id", found.class_rank)):
        place: dict[int, int] = {}
        for key in {row[name] for row in rows}:
            group = [index for index, row in enumerate(rows) if row[name] == key]
            group.sort(key=lambda index: -rows[index]["score"])
            place |= {index: rank for rank, index in enumerate(group)}
        assert ranks.tolist() == [place[index] for index, row in enumerate(rows) if row in kept]


def assert_read_as_one_by_one(folder: Path, text: str, masks: bool, boxes: bool) -> None:
    truth = load_ground_truth(annotation_file(folder))
    path = folder / "rows.json"
    path.write_text(text, encoding="utf-8")
    try:
        expected = one_by_one(path, truth, masks, boxes)
    except UserError as error:
        with pytest.raises(UserError) as caught:
            read_detections(path, truth, masks, boxes)
        assert str(caught.value) == str(error)
    else:
        assert_same(read_detections(path, truth, masks, boxes), expected)


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.25", "NaN"),
        ("0.25", "-Infinity"),
        ("0.25", "null"),
        ("1.5", "NaN"),
        ("[1.5,2,3e1,4]", "[1.5,2,3e1]"),
        ("[1.5,2,3e1,4]", "null"),
        ('"bbox":[1.5,2,3e1,4],', ""),
        ('"image_id":1', '"image_id":2'),
        ('"category_id":2', '"category_id":1'),
        ('"category_id":2', '"category_id":3'),
        ("[2,3]", "[3,2]"),
        ('"06"', '"05"'),
        ('"06"', '"1N5"'),
        ('"06"', '"\\u0030\\u0036"'),
        ('"06"', '""'),
        ('"extra"', '"\u00e9"'),
        ('"extra"', '"score"'),
        ("},\n{", "} {"),
        ("},\n{", "}\n{"),
        ("},\n{", "},{"),
        ("},\n{", "},\n\n{"),
        ("},\n{", "},\n[],\n{"),
        ("},\n{", "} ,\n{"),
        ("\n]\n", "]"),
        ("\n]\n", "\n]"),
        ("\n]\n", ",\n]\n"),
        ("\n]\n", "\n]\n]\n"),
        ("\n]\n", ""),
        ("[\n{", "[{"),
        ("[\n{", "\n{"),
    ],
)
def test_an_unusual_file_is_read_as_json_says_or_refused(tmp_path, old: str, new: str, masks: bool) -> None:
    assert old in LINES
    for boxes in (True, False):
        assert_read_as_one_by_one(tmp_path, LINES.replace(old, new), masks, boxes)
        assert_read_as_one_by_one(tmp_path, LINES.replace(old, new, 1), masks, boxes)


FRAGMENTS = [
    "null", "NaN", "-Infinity", "1e999", "true", '"1"', "1.0", "-0", "9" * 30, "01", "1.", "[1]", "{}", ",", "}", "]",
    "\n", "},\n", "},\n{", "}\n{", "\t", "\\", '"', "\\u0041", "\x00", "é", '"bbox":1,', '"score":2,', " ", "/**/", "6",
    "0", "P", "N", "x", ROW,
]  # fmt: skip


@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(LINES)), st.integers(0, 12), st.sampled_from(FRAGMENTS)), min_size=1, max_size=2
    ),
    masks=st.booleans(),
    boxes=st.booleans(),
)
def test_a_damaged_file_is_read_as_json_says_or_refused(tmp_path_factory, edits, masks: bool, boxes: bool) -> None:
    text = LINES
    for start, removed, fragment in edits:
        text = text[:start] + fragment + text[start + removed :]
    assert_read_as_one_by_one(tmp_path_factory.mktemp("edits"), text, masks, boxes)


def test_what_is_no_utf_8_is_refused_wherever_it_stands(tmp_path) -> None:
    truth = load_ground_truth(annotation_file(tmp_path))
    (tmp_path / "rows.json").write_bytes(LINES.encode().replace(b'"extra"', b'"ex\xff"'))
    with pytest.raises(UserError, match="not a predictions file: 'utf-8' codec"):
        read_detections(tmp_path / "rows.json", truth, masks=False)


def test_the_usual_layout_is_read_in_chunks(tmp_path) -> None:
    truth = load_ground_truth(annotation_file(tmp_path))
    (tmp_path / "rows.json").write_text(LINES)
    assert sum(len(chunk.score) for chunk in read_chunks(tmp_path / "rows.json", truth, True, True)) == 3
    pixels = read_detections(tmp_path / "rows.json", truth, masks=True).pixels
    assert pixels is not None and pixels.tolist() == [6, 6, 6]
