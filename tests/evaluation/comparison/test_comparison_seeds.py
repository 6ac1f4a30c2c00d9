"""Seeds alone, against scipy's t-tests, least squares and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lt_bench.evaluation.comparison.seeds import pooled_scatter, scatter, seed_interval


@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("paired", [True, False])
def test_it_is_scipys_t_test(n: int, paired: bool) -> None:
    rng = np.random.default_rng(n)
    first, second = rng.normal(0.25, 0.01, n), rng.normal(0.26, 0.02, n)
    test = stats.ttest_rel(second, first) if paired else stats.ttest_ind(second, first, equal_var=False)
    found = seed_interval(first, second, paired, confidence=0.9)
    interval = test.confidence_interval(0.9)
    assert found.interval is not None and found.p is not None
    assert [found.interval.low, found.interval.high] == pytest.approx([interval.low, interval.high], rel=1e-9)
    assert found.p == pytest.approx(test.pvalue, rel=1e-9) and found.df == pytest.approx(test.df)
    assert found.value == pytest.approx(second.mean() - first.mean())


@pytest.mark.parametrize(("n_first", "n_second"), [(1, 3), (3, 1), (1, 1)])
def test_one_run_says_nothing_about_seeds(n_first: int, n_second: int) -> None:
    found = seed_interval(np.full(n_first, 0.2), np.full(n_second, 0.3), paired=False)
    assert found.value == pytest.approx(0.1)
    assert found.interval is None and found.p is None and found.df is None


def test_a_run_does_not_differ_from_itself() -> None:
    values = np.array([0.2, 0.3, 0.25])
    found = seed_interval(values, values, paired=True)
    assert found.p == 1 and found.interval is not None and (found.interval.low, found.interval.high) == (0, 0)


def test_a_metric_that_is_not_there_has_no_interval() -> None:
    found = seed_interval(np.full(3, np.nan), np.full(3, np.nan), paired=True)
    assert np.isnan(found.value) and found.interval is None and found.p is None


@pytest.mark.parametrize(("n_first", "n_second"), [(2, 2), (2, 5), (2, 10), (10, 3)])
def test_equal_losses_are_called_different_in_five_percent_at_most(n_first: int, n_second: int) -> None:
    """Welch's own test would do so in 10 % of the cases with 2 and 10 runs."""
    rng = np.random.default_rng(0)
    cases = [seed_interval(rng.normal(size=n_first), rng.normal(size=n_second), False).p for _ in range(1500)]
    assert np.mean([p is not None and p <= 0.05 for p in cases]) < 0.055


@pytest.mark.parametrize("paired", [True, False])
def test_one_variance_for_all_losses_is_that_of_least_squares(paired: bool) -> None:
    """Residual variance of value ~ loss (+ seed), by a linear model with a column for each loss and seed."""
    rng = np.random.default_rng(1)
    losses = [rng.normal(size=4) for _ in range(5)] if paired else [rng.normal(size=n) for n in (2, 4, 3, 3)]
    seed_effect = rng.normal(0, 10, 4)
    losses = [values + seed_effect if paired else values for values in losses]
    values = np.concatenate(losses)
    of_loss = np.concatenate([np.full(len(one), i) for i, one in enumerate(losses)])
    columns = (of_loss[:, None] == np.arange(len(losses))).astype(float)
    if paired:
        columns = np.hstack([columns, np.tile(np.eye(4), (5, 1))])
    fitted = columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    df = len(values) - np.linalg.matrix_rank(columns)
    expected = ((values - fitted) ** 2).sum() / df * (1 / len(losses[0]) + 1 / len(losses[1]))
    found = pooled_scatter(losses, 0, 1, paired)
    assert found is not None and found.df == df and found.variance == pytest.approx(expected)


def test_one_variance_of_two_losses_is_that_of_their_pair() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 4))
    pair, pooled = scatter(first, second, True), pooled_scatter([first, second], 0, 1, True)
    assert pair is not None and pooled is not None
    assert (pooled.variance, pooled.df, pooled.deviation) == pytest.approx((pair.variance, pair.df, pair.deviation))


def test_a_loss_with_one_run_gets_no_variance_from_the_others() -> None:
    losses = [np.array([0.1, 0.2, 0.4]), np.array([0.3])]
    assert pooled_scatter(losses, 0, 1, False) is None
