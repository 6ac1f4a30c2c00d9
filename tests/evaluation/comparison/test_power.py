"""Power, against the noncentral t distribution, textbooks' numbers and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration.seeds import LEVELS, simulated_power
from lt_bench.evaluation.comparison.power import first_step, image_floor, power_of, resolvable, seeds_needed


@pytest.mark.parametrize("n", [2, 3, 5, 10, 50])
@pytest.mark.parametrize("size", [0.3, 1.0, 3.0])
def test_with_pairs_and_without_images_it_is_the_noncentral_t(n: int, size: float) -> None:
    critical, shift = stats.t.isf(0.025, n - 1), size * n**0.5
    expected = stats.nct.sf(critical, n - 1, shift) + np.nan_to_num(stats.nct.cdf(-critical, n - 1, shift))
    assert power_of(size, 1.0, n, paired=True) == pytest.approx(expected, abs=1e-4)
    assert power_of(-2 * size, 2.0, n, paired=True) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("n", "size"), [(2, 5.0), (3, 3.0), (6, 1.5)])
def test_without_pairs_it_is_that_of_welchs_test(n: int, size: float) -> None:
    rng = np.random.default_rng(n)
    sides = rng.normal(size, 1, (40_000, n)), rng.normal(0, 1, (40_000, n))
    found = (stats.ttest_ind(*sides, axis=1, equal_var=False).pvalue <= 0.05).mean()
    assert power_of(size, 1.0, n, paired=False) == pytest.approx(found, abs=0.008)


@pytest.mark.parametrize(("n", "paired", "noise"), [(3, True, "1"), (3, False, "1"), (5, True, "0.2")])
def test_with_images_it_is_that_of_the_total_interval(n: int, paired: bool, noise: str) -> None:
    found = simulated_power(LEVELS[noise], n, paired, 700)
    assert found["promised"] == pytest.approx(80, abs=0.01)
    assert found["simulated"] == pytest.approx(80, abs=4.5)


@pytest.mark.parametrize("paired", [True, False])
def test_with_one_variance_and_several_pairs_it_is_that_of_the_corrected_test(paired: bool) -> None:
    """Five losses with three seeds: the variance from all of them, the level that of the first of ten pairs."""
    rng, n, losses, level = np.random.default_rng(0), 3, 5, 0.005
    size = resolvable(n, 1.0, paired, 0.5, level=level, pooled=losses)
    assert size is not None and first_step(0.05, 10) == pytest.approx(level)
    one = 0.5**0.5 if paired else 1.0  # of a run, for a deviation of 1
    runs = rng.normal(0, one, (20_000, losses, n))
    residual = runs - runs.mean(axis=2, keepdims=True)
    df = (losses - 1) * (n - 1) if paired else losses * (n - 1)
    if paired:  # what a seed does to all losses takes itself out
        residual = residual - residual.mean(axis=1, keepdims=True)
    variance = (residual**2).sum(axis=(1, 2)) / df * 2 / n
    seen = np.diff(runs.mean(axis=2)[:, :2], axis=1)[:, 0] + size + rng.normal(0, 0.5, len(runs))
    t, z = stats.t.isf(level / 2, df), stats.norm.isf(level / 2)
    half = np.maximum((variance * t + 0.25 * z) / np.sqrt(variance + 0.25), np.sqrt(variance) * t)
    assert (np.abs(seen) > half).mean() == pytest.approx(0.8, abs=0.012)


@pytest.mark.parametrize(
    ("size", "paired", "seeds"), [(0.5, True, 34), (1, True, 10), (0.5, False, 64), (0.8, False, 26), (1, False, 17)]
)
def test_the_seeds_needed_are_those_of_textbooks(size: float, paired: bool, seeds: int) -> None:
    """Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988: 80 % at 5 %, two-sided."""
    assert seeds_needed(size, 1.0, paired) == seeds


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("images", [0.0, 0.01])
def test_what_n_seeds_resolve_needs_n_seeds(paired: bool, images: float) -> None:
    for n in (3, 7):
        size = resolvable(n, 0.02, paired, images)
        assert size is not None
        assert seeds_needed(size * 1.0001, 0.02, paired, images) == n
        assert seeds_needed(size * 0.9999, 0.02, paired, images) == n + 1


def test_seeds_do_not_help_against_images() -> None:
    floor = image_floor(0.01)
    assert floor == pytest.approx(0.01 * (1.959964 + 0.841621), rel=1e-6)
    assert seeds_needed(floor * 0.99, 0.02, True, 0.01) is None
    assert seeds_needed(floor * 1.05, 0.02, True, 0.01) is not None
    most = resolvable(1000, 0.02, True, 0.01)
    assert most is not None and floor < most < floor * 1.01


def test_there_is_not_always_an_answer() -> None:
    assert seeds_needed(0.0, 0.02, True) is None
    assert seeds_needed(1e-5, 0.02, False) is None  # beyond any plan
    assert resolvable(1, 0.02, True) is None
    assert power_of(1.0, 0.02, 1, True) == 0
    assert seeds_needed(0.01, 0.0, True) == 2
    assert resolvable(3, 0.0, True) == 0
