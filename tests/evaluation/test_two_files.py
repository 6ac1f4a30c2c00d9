"""Boxes and masks in a file each, as mmdet itself writes them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.metrics import measure
from lt_bench.evaluation.two_files import boxes_and_masks, measure_two


def written_by_mmdet(
    rows: list[dict[str, Any]], prefix: Path, mask_scores: list[float] | None = None
) -> tuple[Path, Path]:
    """What CocoMetric writes for the same detections, image by image."""
    from mmdet.evaluation.metrics import CocoMetric

    categories = sorted({row["category_id"] for row in rows})
    metric: Any = SimpleNamespace(cat_ids=categories, xyxy2xywh=lambda box: CocoMetric.xyxy2xywh(None, box))
    results = []
    for image in dict.fromkeys(row["image_id"] for row in rows):
        own = [index for index, row in enumerate(rows) if row["image_id"] == image]
        boxes = np.array([rows[index]["bbox"] for index in own])
        result = {
            "img_id": image,
            "labels": np.array([categories.index(rows[index]["category_id"]) for index in own]),
            "bboxes": np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
            "scores": np.array([rows[index]["score"] for index in own]),
            "masks": [dict(rows[index]["segmentation"]) for index in own],
        }
        if mask_scores:
            result["mask_scores"] = np.array([mask_scores[index] for index in own])
        results.append(result)
    files = CocoMetric.results2json(metric, results, str(prefix))
    return Path(files["bbox"]), Path(files["segm"])


def ap_of(evaluation: Any) -> dict[str, float]:
    return dict(evaluation.get_results())


def test_two_files_of_the_same_detections_are_measured_as_one(made_set, write, tmp_path: Path, lvis_api) -> None:
    truth, rows = made_set(1)
    annotations = write("truth.json", truth)
    files = written_by_mmdet(rows, tmp_path / "results")
    assert [path.name for path in files] == ["results.bbox.json", "results.segm.json"]
    assert boxes_and_masks(files) == boxes_and_masks(files[::-1]) == files
    measured = measure_two(annotations, *files, evidence=True)
    for kind, path in zip(("bbox", "segm"), files, strict=True):
        expected = ap_of(lvis_api(annotations, json.loads(path.read_text(encoding="utf-8")), kind))
        assert measured.blocks()["metrics"][kind]["AP"] == expected["AP"]
        assert measured.blocks()["metrics"][kind]["APr"] == expected["APr"]
    assert measured.evidence is not None and set(measured.evidence.outcomes) == {"bbox", "segm"}


def test_masks_with_scores_of_their_own(made_set, write, tmp_path: Path, lvis_api) -> None:
    """Mask Scoring R-CNN: box AP is of the first file, mask AP of the second."""
    truth, rows = made_set(2)
    annotations = write("truth.json", truth)
    mask_scores = np.random.default_rng(0).random(len(rows)).tolist()
    boxes, masks = written_by_mmdet(rows, tmp_path / "results", mask_scores)
    measured = measure_two(annotations, boxes, masks, ("ap", "ap_boundary", "errors"))
    block = measured.blocks()
    for kind, path in (("bbox", boxes), ("segm", masks)):
        expected = ap_of(lvis_api(annotations, json.loads(path.read_text(encoding="utf-8")), kind))
        assert block["metrics"][kind]["AP"] == expected["AP"]
    alone = measure(annotations, masks, ("ap", "ap_boundary", "errors")).blocks()
    assert block["ap_boundary"] == alone["ap_boundary"]
    assert block["errors"]["segm"] == alone["errors"]["segm"]
    assert block["metrics"]["bbox"] != alone["metrics"]["bbox"]
    with pytest.raises(UserError, match="hold different detections, and evidence is of one file"):
        measure_two(annotations, boxes, masks, evidence=True)


def test_files_that_are_no_pair_are_refused(made_set, write, tmp_path: Path) -> None:
    _, rows = made_set(1)
    boxes, masks = written_by_mmdet(rows, tmp_path / "results")
    for pair, message in (((boxes, boxes), "neither file has masks"), ((masks, masks), "both files have masks")):
        with pytest.raises(UserError, match=message):
            boxes_and_masks(pair)
    empty = write("other.segm.json", [])
    assert boxes_and_masks((empty, boxes)) == (boxes, empty)
