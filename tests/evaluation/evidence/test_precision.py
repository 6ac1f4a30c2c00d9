"""AP from evidence alone against lvis-api, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as mask_utils
import pytest

from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.file import read_evidence, write_evidence
from lt_bench.evaluation.evidence.precision import evidence_metrics, precision_recall
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.terms import AP_NAMES

QUIRKS = [
    (),
    ("ties", "many"),
    ("crowd", "ignore"),
    ("contradictions", "fractions"),
    ("large", "other boxes"),
    ("no area",),
    ("last digits",),
]


def assert_is_lvis_api(annotations: Path, predictions: Path, rows: Any, evaluator: Any, lvis_api: Any) -> None:
    """What comes out of a file of evidence: arrays, AP and AP by class."""
    truth = load_ground_truth(annotations)
    detections = read_detections(predictions, truth, masks=True)
    best = detections.take(detections.image_rank < 300)
    written = collect(truth, best, ("bbox", "segm"), evaluator, predictions="d" * 64)
    write_evidence(written, annotations.with_name("evidence.parquet"))
    evidence = read_evidence(annotations.with_name("evidence.parquet"))
    assert evidence.evaluators == {"bbox": evaluator, "segm": evaluator}
    for kind in ("bbox", "segm"):
        expected = lvis_api(annotations, rows, kind)
        precision, recall = precision_recall(evidence, kind)  # type: ignore[arg-type]
        np.testing.assert_array_equal(precision, expected.eval["precision"])
        np.testing.assert_array_equal(recall, expected.eval["recall"])
        metrics, per_class = evidence_metrics(evidence, kind)  # type: ignore[arg-type]
        results = {name.replace("AR@300", "AR"): float(value) for name, value in expected.get_results().items()}
        assert metrics == {name: results[name] for name in AP_NAMES}
        assert 0 < metrics["AP"] < 1
        for index, category in enumerate(expected.params.cat_ids):
            values = expected.eval["precision"][:, :, index, 0]
            assert per_class[category] == (values[values > -1].mean() if (values > -1).any() else -1)


@pytest.mark.parametrize("evaluator", ["vernier", "lvis"])
@pytest.mark.parametrize("quirks", QUIRKS, ids="+".join)
def test_ap_is_that_of_lvis_api(made_set, write, lvis_api, quirks: tuple[str, ...], evaluator: str) -> None:
    truth, rows = made_set(11, *quirks)
    assert_is_lvis_api(write("truth.json", truth), write("rows.json", rows), rows, evaluator, lvis_api)


@pytest.mark.slow
def test_ap_of_real_annotations_is_that_of_lvis_api(shared: Path, write, lvis_api) -> None:
    """Masks of LVIS as detections, moved, some in another category; more than 300 in some images."""
    annotations = shared / "reference" / "lvis_val_100.json"
    data = json.loads(annotations.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in data["images"]}
    categories = [category["id"] for category in data["categories"]]
    rng = np.random.default_rng(1)
    rows = []
    for annotation in data["annotations"]:
        size = sizes[annotation["image_id"]]
        pixels = mask_utils.decode(mask_utils.merge(mask_utils.frPyObjects(annotation["segmentation"], *size)))
        for copy in range(7):
            moved = np.asfortranarray(np.roll(pixels, tuple(rng.integers(-copy, copy + 1, 2)), axis=(0, 1)))
            row = {
                "image_id": annotation["image_id"],
                "category_id": annotation["category_id"] if copy < 4 else int(rng.choice(categories)),
                "bbox": [value + float(rng.normal(0, 2 * copy)) for value in annotation["bbox"]],
                "score": round(float(rng.random()), 2),
            }
            mask = {"size": list(size), "counts": mask_utils.encode(moved)["counts"].decode()}
            rows.append({**row, "segmentation": mask})
    assert max(np.unique([row["image_id"] for row in rows], return_counts=True)[1]) > 300
    copied = write("truth.json", data)
    assert_is_lvis_api(copied, write("rows.json", rows), rows, "vernier", lvis_api)
