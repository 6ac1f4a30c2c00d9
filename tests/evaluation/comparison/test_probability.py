"""The probability of being the best, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_values import made
from scipy import stats

from lt_bench.evaluation.comparison.probability import probability_best
from lt_bench.evaluation.comparison.seeds import pooled_scatter


@pytest.mark.parametrize("n", [2, 3, 6])
def test_the_probability_to_be_best_is_students(n: int) -> None:
    """Two losses, no noise from images: the one-sided t distribution of the pairs, or of both sides' difference."""
    rng = np.random.default_rng(n)
    first, second = rng.normal(0, 1, n), rng.normal(0.8, 1, n)
    gap, error = second.mean() - first.mean(), (second - first).std(ddof=1) / n**0.5
    paired = probability_best([made("a", list(first)), made("b", list(second))], "AP")
    assert paired["b"] == pytest.approx(stats.t.cdf(gap / error, n - 1), abs=0.012)
    assert sum(paired.values()) == pytest.approx(1)
    sides = [rng.standard_t(n - 1, 100_000) * side.std(ddof=1) / n**0.5 for side in (first, second)]
    apart = probability_best([made("a", list(first)), made("b", list(second), first_seed=100)], "AP")
    assert apart["b"] == pytest.approx((gap + sides[1] - sides[0] > 0).mean(), abs=0.012)


def test_with_one_variance_it_is_students_with_more_degrees_of_freedom() -> None:
    """The third loss is too bad to be the best, but says something about the variance."""
    rng = np.random.default_rng(5)
    losses = [rng.normal(mean, 1, 3) for mean in (0, 0.5, -50)]
    found = probability_best(
        [made(name, list(one)) for name, one in zip("abc", losses, strict=True)], "AP", pooled=True
    )
    known = pooled_scatter(losses, 0, 1, True)
    assert known is not None and known.df == 4
    expected = stats.t.cdf((losses[1].mean() - losses[0].mean()) / known.variance**0.5, 4)
    assert found["b"] == pytest.approx(expected, abs=0.012) and found["c"] == 0
    apart = [made(name, list(one), first_seed=10 * i) for i, (name, one) in enumerate(zip("abc", losses, strict=True))]
    known = pooled_scatter(losses, 0, 1, False)
    assert known is not None and known.df == 6
    expected = stats.t.cdf((losses[1].mean() - losses[0].mean()) / known.variance**0.5, 6)
    assert probability_best(apart, "AP", pooled=True)["b"] == pytest.approx(expected, abs=0.012)


def test_with_one_run_it_is_the_share_of_resamples() -> None:
    runs = [made("a", [0.25], 0.01), made("b", [0.26], 0.02), made("c", [0.24], 0.03)]
    resampled = np.stack([one.resampled[0, :, 0] for one in runs if one.resampled is not None], axis=1)
    measured = np.array([0.25, 0.26, 0.24])
    winners = (resampled - resampled.mean(axis=0) + measured).argmax(axis=1)
    found = probability_best(runs, "AP")
    assert [found[name] for name in "abc"] == pytest.approx(np.bincount(winners, minlength=3) / len(winners), abs=0.012)


def test_equal_runs_share_the_probability_and_missing_ones_have_none() -> None:
    runs = [made("a", [0.2, 0.3], 0.01), made("a", [0.2, 0.3], 0.01)]
    runs[1] = replace(runs[1], name="b")
    assert probability_best(runs, "AP") == pytest.approx({"a": 0.5, "b": 0.5})
    assert probability_best([replace(runs[0], resampled=None), runs[1]], "AP") == {}
