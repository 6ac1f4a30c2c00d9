"""The forms that other programs write. What each of them writes was looked up in its code."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.predictions import read_predictions

ROWS = [
    {"image_id": 7, "category_id": 2, "bbox": [1.0, 2.0, 3.0, 4.0], "score": 0.5},
    {"image_id": 7, "category_id": 1, "bbox": [5.0, 6.0, 10.0, 20.0], "score": 0.25},
    {"image_id": 9, "category_id": 2, "bbox": [0.0, 0.0, 8.0, 8.0], "score": 0.125},
]
IMAGES = [
    {"image_id": 7, "boxes": [[1.0, 2.0, 4.0, 6.0], [5.0, 6.0, 15.0, 26.0]], "scores": [0.5, 0.25], "labels": [2, 1]},
    {"image_id": 8, "boxes": [], "scores": [], "labels": []},
    {"image_id": 9, "boxes": [[0.0, 0.0, 8.0, 8.0]], "scores": [0.125], "labels": [2]},
]
STATE = {
    "detection_box": [[row["bbox"] for row in ROWS[:2]], [], [ROWS[2]["bbox"]]],
    "detection_mask": [],
    "detection_scores": [[0.5, 0.25], [], [0.125]],
    "detection_labels": [[2, 1], [], [2]],
    "groundtruth_box": [[[1.0, 2.0, 3.0, 4.0]], [], []],
    "groundtruth_labels": [[2], [], []],
}


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=4),
        lines(ROWS),
        lines(ROWS).replace("\n", "\r\n").rstrip(),
        json.dumps(IMAGES),
        lines(IMAGES),
        json.dumps({str(row["image_id"]): {key: row[key] for key in row if key != "image_id"} for row in IMAGES}),
    ],
    ids=["list", "indented", "lines", "windows", "by image", "lines by image", "object by image"],
)
@pytest.mark.parametrize(
    "encode",
    [str.encode, lambda text: gzip.compress(text.encode()), lambda text: text.encode("utf-8-sig"),
     lambda text: text.encode("utf-16"), lambda text: gzip.compress(text.encode("utf-8-sig"))],
    ids=["utf-8", "gzip", "mark", "utf-16", "gzip and mark"],
)  # fmt: skip
def test_each_form_in_each_packing_gives_the_same(tmp_path: Path, text: str, encode: Callable[[str], bytes]) -> None:
    (tmp_path / "p.json").write_bytes(encode(text))
    found = list(read_predictions(tmp_path / "p.json"))
    assert [{key: row[key] for key in ROWS[0]} for row in found] == ROWS


def test_torchmetrics_state_has_places_for_image_ids(tmp_path: Path) -> None:
    """Its boxes are x, y, width and height whatever `box_format` is; its entries say nothing of images."""
    (tmp_path / "p.json").write_text(json.dumps(STATE), encoding="utf-8")
    found = list(read_predictions(tmp_path / "p.json"))
    assert found == [row | {"image_id": place} for row, place in zip(ROWS, (0, 0, 2), strict=True)]
    assert all(type(row["image_id"]) is not int for row in found)
    masks = {**STATE, "detection_box": [], "detection_mask": [[[[2, 3], "06"], [[2, 3], "15"]], [], [[[2, 3], "06"]]]}
    (tmp_path / "p.json").write_text(json.dumps(masks), encoding="utf-8")
    found = list(read_predictions(tmp_path / "p.json"))
    assert [row["segmentation"]["counts"] for row in found] == ["06", "15", "06"]
    assert not any("bbox" in row for row in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": [], "annotations": ROWS}, "one JSON object with 'images' in it, like an annotation file"),
        ({"annotations": [[1] * 1000] * 1000}, "one JSON object with 'annotations' in it"),
        ({"AP": 12.5, "AP50": 20.0}, "a JSON object with 'AP', 'AP50' in it, not a detection"),
        (
            [{"boxes": [[0, 0, 1, 1]], "scores": [], "labels": [1]}],
            "element 0 has 1 of bbox, 0 of score, 1 of category",
        ),
        ([{"boxes": {}, "scores": [], "labels": []}], "element 0: what gives bbox is no list"),
        ({**STATE, "detection_scores": [[0.5, 0.25]]}, "state has 3 of bbox, 1 of score, 3 of category_id"),
    ],
)
def test_what_is_none_is_named_for_what_it_is(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "p.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=r"p\.json: not a predictions file") as caught:
        list(read_predictions(tmp_path / "p.json"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", [lines(ROWS)[:-20], lines(ROWS) + "[]", lines(ROWS).replace("\n", ",\n"), lines(ROWS) + "1"]
)
def test_damaged_lines_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"p\.json: not a predictions file"):
        list(read_predictions(tmp_path / "p.json"))


def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(json.dumps(ROWS * 1000).encode())[:-100])
    with pytest.raises(UserError, match=r"p\.json\.gz: cut off or damaged"):
        list(read_predictions(tmp_path / "p.json.gz"))
