"""A file that says that it is exhaustive is evaluated as lvis-api evaluates one that lists all absent categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exhaustive_form import both_forms

from lt_bench.errors import UserError
from lt_bench.evaluation.ap import lvis_backend, vernier_parts
from lt_bench.evaluation.ap.average_precision import Evaluator, evaluate, precision_recall
from lt_bench.evaluation.ap.crosscheck import disagreement
from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.precision import precision_recall as from_evidence
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth


@pytest.mark.parametrize("evaluator", ["vernier", "lvis"])
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize(("seed", "quirks", "cells"), [(0, ("no area", "ignore"), 1), (1, ("many", "ties"), 70)])
def test_the_arrays_are_those_of_lists(
    made_set: Any, write: Any, lvis_api: Any, monkeypatch: Any, iou_type: Any, seed: int, quirks: Any, cells: int,
    evaluator: Evaluator,
) -> None:  # fmt: skip
    monkeypatch.setattr(vernier_parts, "CELLS", cells)
    content, rows = made_set(seed, *quirks)
    listed, said = (write(name, one) for name, one in zip(("a.json", "b.json"), both_forms(content), strict=True))
    expected = lvis_api(listed, rows, iou_type).eval
    truth = load_ground_truth(said)
    detections = read_detections(write("found.json", rows), truth, masks=iou_type == "segm")
    detections = detections.take(detections.image_rank < 300)
    assert disagreement(truth, detections, iou_type) is None
    precision, recall = precision_recall(truth, detections, iou_type, evaluator)
    np.testing.assert_array_equal(precision, expected["precision"])
    np.testing.assert_array_equal(recall, expected["recall"])
    if evaluator == "vernier":
        evidence = collect(truth, detections, [iou_type])
        np.testing.assert_array_equal(from_evidence(evidence, iou_type)[0], expected["precision"])


def test_every_detection_of_an_absent_class_is_a_mistake(made_set: Any, write: Any) -> None:
    """Which none is where nothing is known to be absent."""
    content, rows = made_set(2)
    for image in content["images"]:
        image["neg_category_ids"], image["not_exhaustive_category_ids"] = [], []
    listed, said = both_forms(content)
    found = write("found.json", rows)
    values = [evaluate(write("a.json", one), found, "bbox").metrics["AP"] for one in (content, listed, said)]
    assert values[1] == values[2] < values[0]


def test_parts_hold_only_images_with_objects_or_detections(made_set: Any, write: Any) -> None:
    content, rows = made_set(3)
    first, second = (row["image_id"] for row in content["annotations"][:2])
    rows = [row for row in rows if row["image_id"] == content["images"][-1]["id"]]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] in (first, second)]
    truth = load_ground_truth(write("a.json", both_forms(content)[1]))
    detections = read_detections(write("found.json", rows), truth, masks=False)
    (part,) = vernier_parts.parts_with(truth, detections)
    shown = {row["image_id"] for row in content["annotations"]} | {row["image_id"] for row in rows}
    assert part.dataset().num_images == len(shown) < len(content["images"])


def test_lvis_api_is_not_given_lists_without_end(made_set: Any, write: Any, monkeypatch: Any) -> None:
    content, rows = made_set(4)
    paths = write("a.json", both_forms(content)[1]), write("found.json", rows)
    monkeypatch.setattr(lvis_backend, "MOST_LISTED", 59)
    with pytest.raises(UserError, match=r"a\.json: 12 images with lists of 5 categories are too much for lvis-api"):
        evaluate(*paths, "bbox", "lvis")
