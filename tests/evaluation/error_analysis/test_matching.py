"""Matches against those of lvis-api, detection by detection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lt_bench.evaluation.error_analysis.matching import match
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize(
    "quirks", [(), ("ties", "many"), ("ignore", "contradictions"), ("crowd",), ("large", "fractions")], ids="+".join
)
def test_every_match_is_that_of_lvis_api(
    made_set: Any, write: Any, lvis_api: Any, kind: Any, quirks: tuple[str, ...]
) -> None:
    truth, rows = made_set(2, *quirks)
    annotations = write("truth.json", truth)
    loaded = load_ground_truth(annotations)
    detections = read_detections(write("found.json", rows), loaded, masks=kind == "segm")
    detections = detections.take(detections.image_rank < 300)
    found = match(loaded, detections, kind, 0.5)
    ids = np.array([row["id"] for row in truth["annotations"]])[loaded.objects.row]
    matched = np.where(found.match >= 0, ids[found.match], 0)
    compared = 0
    for entry in lvis_api(annotations, rows, kind).eval_imgs:
        if entry is None or tuple(entry["area_rng"]) != (0, 1e10):
            continue
        own = (detections.image == entry["image_id"]) & (detections.category == entry["category_id"])
        order = np.flatnonzero(own)[np.argsort(-detections.score[own], kind="stable")]
        assert matched[order].tolist() == entry["dt_matches"][0].tolist()
        assert found.forgiven[order].tolist() == entry["dt_ignore"][0].tolist()
        compared += len(order)
    assert compared == len(detections)
    assert 0 < (matched > 0).sum() < len(detections)
