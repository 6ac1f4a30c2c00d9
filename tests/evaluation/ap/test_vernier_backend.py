"""Categories in parts, however small, give the arrays of lvis-api."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lt_bench.evaluation.ap import vernier_backend, vernier_parts
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize(("cells", "parts"), [(1, 5), (50, 3), (1 << 18, 1)])
def test_categories_in_parts_are_those_of_lvis_api(
    made_set: Any, write: Any, lvis_api: Any, monkeypatch: pytest.MonkeyPatch, iou_type: Any, cells: int, parts: int
) -> None:
    monkeypatch.setattr(vernier_parts, "CELLS", cells)
    truth, rows = made_set(1, "many", "ties", "contradictions")
    annotations = write("truth.json", truth)
    loaded = load_ground_truth(annotations)
    detections = read_detections(write("found.json", rows), loaded, masks=iou_type == "segm")
    precision, recall = vernier_backend.precision_recall(loaded, detections.take(detections.image_rank < 300), iou_type)
    expected = lvis_api(annotations, rows, iou_type).eval
    np.testing.assert_array_equal(precision, expected["precision"])
    np.testing.assert_array_equal(recall, expected["recall"])
    assert len(vernier_parts.parts_of(loaded)) == parts  # two categories of 9 to 12 images are up to 48 pairs
