from __future__ import annotations

import numpy as np
import pytest
from made_evidence import KINDS, made_evidence, made_truth, plain_class_ap

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison import resampled_ap, weighted_ap
from lt_bench.evaluation.comparison.resampled_ap import COMPARED, ClassAP, class_ap


def assert_is_plain_ap(seed: int, images: int, classes: int, detections: int, digits: int, resamples: int) -> None:
    rng = np.random.default_rng(seed)
    evidence = made_evidence(rng, made_truth(rng, images, classes), detections, digits)
    weights = rng.integers(0, 4, (resamples, len(evidence.image_ids)))
    for kind in KINDS:
        found = class_ap(evidence, kind, weights)
        assert found.ap.shape == found.ap50.shape == (resamples, classes)
        for row, ap, ap50 in zip(weights.tolist(), found.ap, found.ap50, strict=True):
            expected = plain_class_ap(evidence, kind, row)
            np.testing.assert_allclose(ap, np.mean(expected, axis=0), rtol=0, atol=1e-12)
            np.testing.assert_allclose(ap50, expected[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(25))
def test_plain_loops_give_the_same(seed: int) -> None:
    """Bits of neighbouring thresholds have nothing to do with each other, and some detections are ignored."""
    rng = np.random.default_rng(100 + seed)
    assert_is_plain_ap(seed, int(rng.integers(1, 9)), 5, int(rng.integers(0, 250)), int(rng.integers(1, 4)), 3)


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_rows_and_of_resamples_fit_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighted_ap, "ROWS", 7)
    monkeypatch.setattr(resampled_ap, "ELEMENTS", 1)
    assert_is_plain_ap(seed, 8, 2, 150, 2, 17)


def test_large_counts_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what float32 can count and tell apart."""
    monkeypatch.setattr(weighted_ap, "FLOAT32_BELOW", 1)
    assert_is_plain_ap(0, 8, 3, 250, 2, 3)
    rng = np.random.default_rng(0)
    evidence = made_evidence(rng, made_truth(rng, 8, 3), 250)
    weights = rng.integers(0, 4, (3, 8))
    expected, found = class_ap(evidence, "bbox", weights), class_ap(evidence, "bbox", weights * 1_000_001)
    np.testing.assert_allclose(found.ap, expected.ap, rtol=0, atol=1e-5)  # with weights above 1, 1e-16 is lost


@pytest.mark.parametrize("few", [10_000, 1])
def test_recalls_are_reached_as_in_floats(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every number of true positives of every number of objects up to 400, and some large ones."""
    monkeypatch.setattr(weighted_ap, "FLOAT32_BELOW", few)
    recalls = np.linspace(0.0, 1.0, int(np.round((1.00 - 0.0) / 0.01)) + 1, endpoint=True)  # as lvis-api writes it
    for objects in [*range(1, 401), 1000, 2300, 9_999, 10_000, 99_900]:
        tp = np.arange(objects + 1)
        expected = np.searchsorted(recalls, tp / objects, side="right") - 1
        counts = np.ascontiguousarray(tp[:, None], dtype=np.float32)
        found = weighted_ap._reached(counts, np.array([objects]), weighted_ap.Workspace())
        np.testing.assert_array_equal(found[:, 0], expected)


def test_columns_of_different_numbers_of_objects() -> None:
    recalls = np.linspace(0.0, 1.0, 101)
    objects = np.array([7, 10, 20, 33, 40, 50, 100, 200])
    tp = np.arange(8)
    found = weighted_ap._reached(np.tile(tp[:, None], (1, 8)).astype(np.float32), objects, weighted_ap.Workspace())
    np.testing.assert_array_equal(found, (recalls <= np.minimum(tp[:, None] / objects, 1)[..., None]).sum(-1) - 1)


def test_metrics_are_means_over_the_classes_that_are_there() -> None:
    nan = float("nan")
    ap = np.array([[0.1, 0.3, nan, 0.8], [nan, nan, nan, nan], [nan, nan, 0.5, 0.7]])
    found = ClassAP(ap, ap / 2, ("r", "r", "c", "f")).metrics()
    assert COMPARED == ("AP", "APr", "APc", "APf", "AP50")
    expected = [[0.4, 0.2, nan, 0.8, 0.2], [nan] * 5, [0.6, nan, 0.5, 0.7, 0.3]]
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert np.isnan(ClassAP(ap[:, :2], ap[:, :2], ("r", "r")).metrics()[:, 3]).all()  # no frequent class at all


def test_the_number_of_threads_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    evidence = made_evidence(rng, made_truth(rng, 9, 12), 400)
    weights = rng.integers(0, 3, (40, 9))
    one, three = (class_ap(evidence, "segm", weights, threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.ap, three.ap)


def test_mistakes_are_named() -> None:
    rng = np.random.default_rng(0)
    evidence = made_evidence(rng, made_truth(rng, 5, 3), 20)
    for wrong in (np.ones((2, 4), dtype=int), np.ones(5, dtype=int), np.full((1, 5), -1)):
        with pytest.raises(UserError, match=r"weights .* for 5 images"):
            class_ap(evidence, "bbox", wrong)
    evidence.outcomes.pop("segm")  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="holds bbox, but not segm"):
        class_ap(evidence, "segm", np.ones((1, 5), dtype=int))
