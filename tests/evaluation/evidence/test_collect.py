"""What evidence holds against what lvis-api keeps of each category, image and area range."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lt_bench.evaluation.evidence.collect import collect
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.precision import precision_recall
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth, load_ground_truth

RANGES = [(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)]
EVERY = 2**10 - 1


def evidence_of(truth: GroundTruth, rows: Any, kind: Any, evaluator: Any = "vernier") -> Evidence:
    detections = read_detections(rows, truth, masks=kind == "segm")
    return collect(truth, detections.take(detections.image_rank < 300), (kind,), evaluator)


def flags(bits: np.ndarray) -> list[list[bool]]:
    """By threshold, then detection."""
    return [[bool(value >> threshold & 1) for value in bits.tolist()] for threshold in range(10)]


@pytest.mark.parametrize("evaluator", ["vernier", "lvis"])
@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize(
    "quirks", [("many", "ties"), ("ignore", "contradictions"), ("crowd", "large"), ("no area",)], ids="+".join
)
def test_every_outcome_is_that_of_lvis_api(
    made_set: Any, write: Any, lvis_api: Any, quirks: tuple[str, ...], kind: Any, evaluator: str
) -> None:
    truth, rows = made_set(7, *quirks)
    annotations = write("truth.json", truth)
    evidence = evidence_of(load_ground_truth(annotations), write("rows.json", rows), kind, evaluator)
    seen = np.zeros((len(evidence), 4), dtype=int)
    objects = {}
    for entry in lvis_api(annotations, rows, kind).eval_imgs:
        if entry is None:
            continue
        area = RANGES.index(tuple(entry["area_rng"]))
        image = np.searchsorted(evidence.image_ids, entry["image_id"])
        category = np.searchsorted(evidence.category_ids, entry["category_id"])
        own = np.flatnonzero((evidence.image == image) & (evidence.category == category))
        # those that lvis-api forgets have no area; they are ignored everywhere
        outcomes = evidence.outcomes[kind]
        forgotten = (outcomes.ignored[own] == EVERY).all(axis=1) & ~np.isin(evidence.score[own], entry["dt_scores"])
        own = own[~forgotten]
        assert evidence.score[own].tolist() == entry["dt_scores"]
        ignored = entry["dt_ignore"].astype(bool)
        assert flags(outcomes.ignored[own, area]) == ignored.tolist()
        assert flags(outcomes.correct[own, area]) == ((entry["dt_matches"] > 0) & ~ignored).tolist()
        seen[own, area] += 1
        if len(entry["gt_ids"]):
            objects[category, image, area] = int((entry["gt_ignore"] == 0).sum())
    assert (seen == 1).all() or "no area" in quirks
    assert (seen.min(axis=1) == seen.max(axis=1)).all() and seen.any() and seen.max() == 1
    found = {
        (category, image, area): int(count)
        for category, image, row in zip(
            evidence.object_category, evidence.object_image, evidence.object_count, strict=True
        )
        for area, count in enumerate(row)
    }
    assert found == objects


def test_detections_stand_in_the_order_in_which_lvis_api_accumulates_them(made_set: Any, write: Any) -> None:
    truth, rows = made_set(3, "ties")
    evidence = evidence_of(load_ground_truth(write("truth.json", truth)), write("rows.json", rows), "bbox")
    keys = list(zip(evidence.category.tolist(), (-evidence.score).tolist(), evidence.image.tolist(), strict=True))
    assert keys == sorted(keys) and len(set(keys)) < len(keys)


def test_a_category_that_no_image_has_objects_of_has_no_detections(made_set: Any, write: Any) -> None:
    truth, rows = made_set(0)
    truth["annotations"] = [row for row in truth["annotations"] if row["category_id"] != 7]
    for image in truth["images"]:
        image["neg_category_ids"] = [7]
    loaded = load_ground_truth(write("truth.json", truth))
    evidence = evidence_of(loaded, write("rows.json", rows), "bbox")
    assert 7 not in evidence.category_ids[evidence.category]
    assert evidence.category_ids.tolist() == [2, 5, 7, 11, 30]
    assert evidence.frequency == ("c", "c", "r", "f", "r")


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_detections_without_area_change_nothing(made_set: Any, write: Any, kind: Any) -> None:
    truth, rows = made_set(4, "no area")
    loaded = load_ground_truth(write("truth.json", truth))
    evidence = evidence_of(loaded, write("rows.json", rows), kind)
    outcomes = evidence.outcomes[kind]
    kept = ~(outcomes.ignored == EVERY).all(axis=1)
    assert 0 < kept.sum() < len(evidence)
    without = dataclasses.replace(
        evidence,
        category=evidence.category[kept],
        image=evidence.image[kept],
        score=evidence.score[kept],
        outcomes={kind: Outcomes(outcomes.correct[kept], outcomes.ignored[kept])},
    )
    for left, right in zip(precision_recall(evidence, kind), precision_recall(without, kind), strict=True):
        np.testing.assert_array_equal(left, right)


def test_where_lvis_api_evaluates_instead_the_evidence_is_its_own(
    made_set: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, rows = made_set(1)
    loaded, predictions = load_ground_truth(write("truth.json", truth)), write("rows.json", rows)
    expected = evidence_of(loaded, predictions, "segm", "lvis")
    monkeypatch.setattr("lt_bench.evaluation.ap.average_precision.disagreement", lambda *given: "they differ")
    with pytest.warns(UserWarning, match="they differ; lvis-api evaluates instead"):
        evidence = evidence_of(loaded, predictions, "segm")
    assert evidence.evaluators == {"segm": "lvis"}
    for name in ("correct", "ignored"):
        np.testing.assert_array_equal(*(getattr(one.outcomes["segm"], name) for one in (evidence, expected)))


def test_only_the_same_objects_are_the_same_truth(made_set: Any, write: Any) -> None:
    truth, rows = made_set(2)
    predictions = write("rows.json", rows)
    first = evidence_of(load_ground_truth(write("truth.json", truth)), predictions, "bbox")
    other = evidence_of(load_ground_truth(write("truth.json", truth)), write("none.json", []), "bbox")
    assert first.same_truth(other) and len(other) == 0
    truth["annotations"][0]["area"] = 1e11
    changed = evidence_of(load_ground_truth(write("changed.json", truth)), predictions, "bbox")
    assert not first.same_truth(changed)
