"""`eval` of what detectron2, mmdet, ultralytics and torchmetrics write, against lvis-api on the same detections in
LVIS's own form. What each program writes was looked up in its code.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lt_bench.cli import main

FOLDER = Path(__file__).parent / "small_set"  # three classes, four images
ANNOTATIONS = FOLDER / "val.json"
ROWS: list[dict[str, Any]] = json.loads((FOLDER / "pred.json").read_text(encoding="utf-8"))
IMAGES: list[int] = [image["id"] for image in json.loads(ANNOTATIONS.read_text(encoding="utf-8"))["images"]]


def expected(lvis_api: Any, rows: list[dict[str, Any]], kind: str) -> str:
    """lvis-api's AP of detections, in percent with two decimals."""
    return f"{100 * lvis_api(ANNOTATIONS, rows, kind).get_results()['AP']:.2f}"


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, arguments), "--annotations", str(ANNOTATIONS)])


def aps(result: Result) -> dict[str, str]:
    """What kind has which AP."""
    assert result.exit_code == 0, result.output
    cells = [line.split() for line in result.stdout.splitlines() if line.startswith(("box ", "mask "))]
    return {line[0]: line[1] for line in cells}


def without(*keys: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in keys} for row in ROWS]


def ultralytics(first: int) -> list[dict[str, Any]]:
    """int(stem) and the class's number, from 0 before December 2024 and from 1 since; coordinates to 3 decimals."""
    return [
        {
            "image_id": row["image_id"],
            "file_name": f"{row['image_id']:012d}.jpg",
            "category_id": row["category_id"] - 1 + first,
            "bbox": [round(value, 3) for value in row["bbox"]],
            "score": round(row["score"], 5),
        }
        for row in ROWS
    ]


def torchvision(ids: bool) -> list[dict[str, Any]]:
    """What torchmetrics is updated with, and torchvision's detectors give, image by image."""
    entries = []
    for image in IMAGES:
        own = [row for row in ROWS if row["image_id"] == image]
        entry = {
            "boxes": [[x, y, x + width, y + height] for x, y, width, height in (row["bbox"] for row in own)],
            "scores": [row["score"] for row in own],
            "labels": [row["category_id"] - 1 for row in own],
        }
        entries.append({"image_id": image, **entry} if ids else entry)
    return entries


def state() -> dict[str, Any]:
    """torchmetrics' MeanAveragePrecision(iou_type=("bbox", "segm")), its tensors as lists and its bytes as text."""
    own = [[row for row in ROWS if row["image_id"] == image] for image in IMAGES]
    return {
        "detection_box": [[row["bbox"] for row in rows] for rows in own],
        "detection_mask": [
            [[row["segmentation"]["size"], row["segmentation"]["counts"]] for row in rows] for rows in own
        ],
        "detection_scores": [[row["score"] for row in rows] for rows in own],
        "detection_labels": [[row["category_id"] for row in rows] for rows in own],
        "groundtruth_box": [[] for _ in IMAGES],
    }


def tm_to_coco() -> list[dict[str, Any]]:
    return [
        {"id": number, "area": 1.0, "iscrowd": 0, **row, "image_id": IMAGES.index(row["image_id"])}
        for number, row in enumerate(ROWS, start=1)
    ]


PLACES = ("--image-ids", "from-0")
FROM_0 = ("--category-ids", "from-0")


@pytest.mark.parametrize(
    ("content", "options", "kinds"),
    [
        (json.dumps(ROWS), (), ("box", "mask")),  # detectron2's LVISEvaluator
        (json.dumps([{**row, "category_id": row["category_id"] - 1} for row in ROWS]), FROM_0, ("box", "mask")),
        (json.dumps(without("segmentation")), (), ("box",)),
        (json.dumps(without("bbox")), (), ("mask",)),
        (json.dumps(ROWS), ("--mask-only",), ("mask",)),
        (json.dumps(ROWS), ("--box-only",), ("box",)),
        (json.dumps(ultralytics(1)), (), ("box",)),
        (json.dumps(ultralytics(0)), FROM_0, ("box",)),
        (json.dumps(torchvision(ids=True)), FROM_0, ("box",)),
        (json.dumps(torchvision(ids=False)), (*FROM_0, *PLACES), ("box",)),
        (json.dumps(state()), PLACES, ("box", "mask")),
        (json.dumps(tm_to_coco(), indent=4), PLACES, ("box", "mask")),
        ("\n".join(map(json.dumps, ROWS)), (), ("box", "mask")),
    ],
    ids=["detectron2", "from 0", "boxes", "masks", "masks asked", "boxes asked", "ultralytics", "ultralytics from 0",
         "torchvision", "torchvision in order", "torchmetrics' state", "tm_to_coco", "lines"],
)  # fmt: skip
def test_what_other_programs_write_gives_lvis_apis_ap(tmp_path, lvis_api, content, options, kinds) -> None:
    (tmp_path / "p.json").write_text(content, encoding="utf-8")
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(content.encode("utf-8-sig")))
    found = aps(evaluate(tmp_path / "p.json", *options))
    names = {"box": "bbox", "mask": "segm"}
    assert found == {kind: expected(lvis_api, ROWS, names[kind]) for kind in kinds}
    assert aps(evaluate(tmp_path / "p.json.gz", *options)) == found


def test_mmdets_two_files(tmp_path, lvis_api) -> None:
    boxes, masks = tmp_path / "results.bbox.json", tmp_path / "results.segm.json"
    boxes.write_text(json.dumps(without("segmentation")), encoding="utf-8")
    masks.write_text(json.dumps(ROWS), encoding="utf-8")
    both = {"box": expected(lvis_api, ROWS, "bbox"), "mask": expected(lvis_api, ROWS, "segm")}
    assert aps(evaluate(boxes, masks, "--evidence", tmp_path / "e.parquet")) == both
    assert aps(evaluate(masks)) == both
    alone = evaluate(boxes)
    assert aps(alone) == {"box": both["box"]}
    assert "results.bbox.json has no masks: boxes alone are measured" in alone.stderr
    refused = evaluate(boxes, masks, "--box-only")
    assert refused.exit_code == 2 and "2 files were named for one of boxes and masks" in refused.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: {**row, "image_id": str(row["image_id"])}, "image_id is the text '1001'; it must be a number"),
        (lambda row: {**row, "category_id": row["category_id"] - 1}, "--category-ids from-0"),
        (lambda row: {**row, "score": str(row["score"])}, "score is the text '0.5397'; it must be a number"),
        (lambda row: {**row, "bbox": str(row["bbox"])}, "it must be a list of four numbers"),
        (lambda row: {**row, "score": float("nan")}, "score is no finite number: nan"),
        (lambda row: {key: row[key] for key in row if key != "score"}, "score missing"),
    ],
)
def test_what_is_wrong_is_named_for_what_it_is(tmp_path, change, message: str) -> None:
    (tmp_path / "p.json").write_text(json.dumps(list(map(change, ROWS))), encoding="utf-8")
    result = evaluate(tmp_path / "p.json")
    assert result.exit_code == 2
    assert message in result.stderr and "Traceback" not in result.stderr
    assert "unknown image id" not in result.stderr


def test_a_subset_is_said_and_counts_as_lvis_api_counts_it(tmp_path, lvis_api) -> None:
    some = [row for row in ROWS if row["image_id"] in IMAGES[:2]]
    some[0]["bbox"] = [*some[0]["bbox"][:2], -3.0, 4.0]
    (tmp_path / "p.json").write_text(json.dumps(some), encoding="utf-8")
    result = evaluate(tmp_path / "p.json", "--box-only")
    assert aps(result) == {"box": expected(lvis_api, some, "bbox")}
    assert "there are detections in 2 of 4 images" in result.stderr
    assert f"1 of {len(some)} boxes are empty or have a negative side" in result.stderr


def test_a_pair_of_flags_or_files_that_makes_no_sense_is_refused(tmp_path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(ROWS), encoding="utf-8")
    path = tmp_path / "p.json"
    for arguments, message in (
        ((path, "--box-only", "--mask-only"), "leave nothing"),
        ((path, path, path), "3 files were named"),
        ((path, path), "both files have masks"),
        ((path, tmp_path / "none.json"), "is no file"),
        ((path, "--box-only", "--metrics", "ap_boundary"), "ap_boundary is of masks"),
    ):
        result = evaluate(*arguments)
        assert result.exit_code == 2 and message in result.stderr, result.output
