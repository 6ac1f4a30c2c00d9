"""Weights of images against lvis-api on the resampled data set itself, in which images stand several times."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as mask_utils
import pytest
from made_evidence import KINDS
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.bootstrap import draw_images
from lt_bench.evaluation.comparison.resampled_ap import COMPARED, class_ap
from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth

Rows = list[dict[str, Any]]


def resampled(truth: dict[str, Any], rows: Rows, weights: list[int]) -> tuple[dict[str, Any], Rows]:
    """The data set in which each image stands as often as its weight says; copies have ids next to each other."""
    images: Rows = []
    annotations: Rows = []
    found: Rows = []
    for image, weight in zip(sorted(truth["images"], key=lambda image: image["id"]), weights, strict=True):
        for _ in range(weight):
            key = len(images) + 1
            images.append({**image, "id": key})
            for own, copies in ((truth["annotations"], annotations), (rows, found)):
                copies += [{**row, "image_id": key} for row in own if row["image_id"] == image["id"]]
    annotations = [{**row, "id": index + 1} for index, row in enumerate(annotations)]
    return {**truth, "images": images, "annotations": annotations}, found


def without_own_ties(rows: Rows) -> Rows:
    """Without detections that have the score of another of the same image and class."""
    return list({(row["image_id"], row["category_id"], row["score"]): row for row in rows}.values())


def evidence_of(annotations: Path, predictions: Path) -> Evidence:
    truth = load_ground_truth(annotations)
    detections = read_detections(predictions, truth, masks=True, boxes=True)
    return collect(truth, detections.take(detections.image_rank < 300), KINDS)


def assert_same(
    evidence: Evidence,
    truth: dict[str, Any],
    rows: Rows,
    weights: NDArray[np.integer],
    lvis_api: Callable[..., Any],
    write: Callable[..., Path],
) -> None:
    for kind in KINDS:
        found = class_ap(evidence, kind, weights)
        for own, ap, ap50, metrics in zip(weights.tolist(), found.ap, found.ap50, found.metrics(), strict=True):
            content, copies = resampled(truth, rows, own)
            expected = lvis_api(write("resampled.json", content), copies, kind)
            precision = np.where(expected.eval["precision"] > -1, expected.eval["precision"], np.nan)[..., 0]
            np.testing.assert_allclose(ap, precision.mean(axis=(0, 1)), rtol=0, atol=1e-12)
            np.testing.assert_allclose(ap50, precision[0].mean(axis=0), rtol=0, atol=1e-12)
            results = [expected.get_results()[name] for name in COMPARED]
            np.testing.assert_allclose(np.nan_to_num(metrics, nan=-1), results, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("quirks", [(), ("ties", "ignore"), ("many", "ties")], ids="+".join)
def test_is_lvis_api_on_the_resampled_set(made_set, write, lvis_api, quirks, seed) -> None:
    truth, rows = made_set(seed, *quirks)
    rows = without_own_ties(rows)
    evidence = evidence_of(write("truth.json", truth), write("rows.json", rows))
    weights = draw_images(12, 4, seed)
    weights[-1][
        np.isin(evidence.image_ids, [row["image_id"] for row in truth["annotations"] if row["category_id"] == 7])
    ] = 0
    assert np.isnan(class_ap(evidence, "bbox", weights[-1:]).ap[0, evidence.category_ids.tolist().index(7)])
    assert_same(evidence, truth, rows, weights, lvis_api, write)


@pytest.mark.slow
def test_is_lvis_api_on_resampled_real_annotations(shared: Path, write, lvis_api) -> None:
    truth = json.loads((shared / "reference" / "lvis_val_100.json").read_text())
    rows = without_own_ties(real_detections(truth))
    evidence = evidence_of(shared / "reference" / "lvis_val_100.json", write("rows.json", rows))
    assert_same(evidence, truth, rows, draw_images(100, 1, 5), lvis_api, write)


def real_detections(truth: dict[str, Any]) -> Rows:
    """Each annotation found three times, moved by more and more, one of them as another category."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    listed = {image["id"]: image["neg_category_ids"] for image in truth["images"]}
    rng = np.random.default_rng(0)
    rows = []
    for annotation in truth["annotations"]:
        image = annotation["image_id"]
        mask = mask_utils.merge(mask_utils.frPyObjects(annotation["segmentation"], *sizes[image]))
        pixels = mask_utils.decode(mask)
        for copy in range(3):
            moved = mask_utils.encode(np.asfortranarray(np.roll(pixels, copy * 2, axis=1)))
            x, y, w, h = annotation["bbox"]
            others = listed[image] or [annotation["category_id"]]
            rows.append(
                {
                    "image_id": image,
                    "category_id": annotation["category_id"] if copy < 2 else int(rng.choice(others)),
                    "bbox": [x + 2 * copy, y, w, h],
                    "score": round(float(rng.random()), 2),
                    "segmentation": {"size": list(sizes[image]), "counts": moved["counts"].decode()},
                }
            )
    return rows
