from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration.generator import draw, population
from benchmarks.calibration.repetition import _swap_test
from benchmarks.calibration.small_ap import COMPARED, means, small_ap
from lt_bench.evaluation.comparison import resampled_ap, swap_test


def test_it_is_the_packages_ap() -> None:
    assert COMPARED == resampled_ap.COMPARED
    rng = np.random.default_rng(5)
    for evidence in draw(population(100, 2.5, True), rng):
        weights = rng.multinomial(100, np.full(100, 0.01), 15)
        expected = resampled_ap.class_ap(evidence, "bbox", weights, 1)
        found = small_ap(evidence, weights)
        assert np.array_equal(np.isnan(found[0]), np.isnan(expected.ap))
        assert np.isnan(expected.ap).any() and np.nanstd(expected.ap) > 0.1
        assert np.allclose(found, (expected.ap, expected.ap50), atol=1e-5, equal_nan=True)
        assert np.allclose(means(found, evidence.frequency), expected.metrics(), atol=1e-5)


def test_recalls_that_are_whole_percents_are_reached_as_lvis_api_reaches_them() -> None:
    """25 objects, of which one more is found each time: recalls of 4, 8, ... percent."""
    from benchmarks.calibration.small_ap import REACHED, RECALLS, STEPS

    for objects in (7, 25, 100, 1000):
        hits = np.arange(objects + 1)
        expected = [np.count_nonzero(recall >= RECALLS) for recall in hits / objects]
        assert REACHED[(hits * np.float32(100 * STEPS / objects) + 0.5).astype(int)].tolist() == expected


def test_too_many_objects_are_refused() -> None:
    evidence, _ = draw(population(100, 5, False), np.random.default_rng(0))
    with pytest.raises(ValueError, match="1,000 objects"):
        small_ap(evidence, np.full((1, 100), 100))


def test_the_swap_test_is_the_packages_but_for_its_draws() -> None:
    first, second = draw(population(100, 2.5, True), np.random.default_rng(3))
    expected = swap_test.swap_test([first], [second], "bbox", permutations=300)
    once = [means(small_ap(side, np.ones((1, 100), int)), side.frequency)[0] for side in (first, second)]
    found = _swap_test(first, second, once[1] - once[0], np.random.default_rng(0), 300)
    assert found == pytest.approx([expected[name] for name in COMPARED], abs=0.1)
    assert np.ptp(found) > 0.5
