"""Kendall's tau-b against scipy's, and its bounds against every assignment of open signs."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from lt_bench.evaluation.comparison.tau import possible_tau, signs, tau_b


def test_it_is_scipys_with_ties_and_missing_values() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 300, 7)).astype(np.float64)
    for side in (first, second):
        side[rng.random(side.shape) < 0.1] = np.nan
    first[0, 0] = np.inf
    found = tau_b(first, second)
    undefined = 0
    for one, other, tau in zip(first, second, found, strict=True):
        there = np.isfinite(one) & np.isfinite(other)
        expected = stats.kendalltau(one[there], other[there], variant="b").statistic
        assert tau == pytest.approx(expected, nan_ok=True)
        undefined += np.isnan(tau)
    assert 0 <= undefined < 10


def test_one_order_against_many() -> None:
    many = np.random.default_rng(1).normal(size=(3, 4, 5))
    one = np.arange(5).astype(np.float64)
    found = tau_b(many, one)
    assert found.shape == (3, 4)
    assert found[2, 1] == pytest.approx(stats.kendalltau(many[2, 1], one).statistic)


def test_known_orders() -> None:
    order = np.arange(7).astype(np.float64)
    assert tau_b(order, order) == 1 and tau_b(order, -order) == -1
    assert np.isnan(tau_b(order, np.ones(7))) and np.isnan(tau_b(order[:1], order[:1]))
    assert np.isnan(tau_b(order, np.full(7, np.nan)))


def test_rounding_is_a_tie() -> None:
    assert tau_b(np.array([0.1 + 0.2, 0.3, 0.5]), np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 6**0.5)


def test_signs_stand_in_the_order_of_combinations() -> None:
    values = np.array([0.3, 0.1, np.nan, 0.3])
    expected = [np.sign(values[j] - values[i]) for i, j in combinations(range(4), 2)]
    assert np.array_equal(signs(values), expected, equal_nan=True)


@pytest.mark.parametrize("ties", [False, True])
def test_no_signs_exceed_the_bounds_and_without_ties_some_reach_them(ties: bool) -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        first = rng.choice([-1.0, 1.0, np.nan], 4)
        second = rng.choice([-1.0, 1.0, 0.0] if ties else [-1.0, 1.0, np.nan], 4)
        found = []
        sides = [product(*([sign] if np.isfinite(sign) else (-1, 0, 1) for sign in side)) for side in (first, second)]
        for one, other in product(*sides):
            untied = np.count_nonzero(one) * np.count_nonzero(other)
            if untied:
                found.append(np.dot(one, other) / untied**0.5)
        bounds = possible_tau(first, second)
        if not found:
            assert bounds is None
            continue
        assert bounds is not None
        assert bounds.low <= min(found) + 1e-9 and bounds.high >= max(found) - 1e-9
        if not ties:
            assert [bounds.low, bounds.high] == pytest.approx([min(found), max(found)])


def test_all_signs_known_or_none() -> None:
    known, unknown = signs(np.array([1.0, 2.0, 2.0, 3.0])), np.full(6, np.nan)
    bounds = possible_tau(known, known)
    assert bounds is not None and (bounds.low, bounds.high) == (1, 1)
    bounds = possible_tau(unknown, unknown)
    assert bounds is not None and (bounds.low, bounds.high) == (-1, 1)
    assert possible_tau(known, np.zeros(6)) is None
