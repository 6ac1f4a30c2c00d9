"""Agreement of two orders: scipy's tau, and simulation with orders that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_values import M, made
from scipy import stats

from benchmarks.calibration.rank_agreement import ORDERS, coverage
from benchmarks.calibration.simulated_runs import Noise, Simulator
from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.rank_agreement import Agreement, agreement
from lt_bench.evaluation.comparison.ranking import all_pairs, is_significant
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns

NAMES = "abcdefg"
NOISE = Noise(1.0, 0.5**0.5, 0.5**0.5, common=0.5)


def two_orders(seeds: int = 3) -> tuple[list[LossRuns], list[LossRuns]]:
    """Of seven losses each, on the same images; other values in every metric."""
    simulator = Simulator(0)
    runs, _ = simulator.losses(NOISE, [*range(7), *ORDERS["half"]], [range(seeds)] * 14)
    moved = np.random.default_rng(0).normal(size=(14, M))
    runs = [
        replace(one, name=NAMES[place % 7], values=one.values + moved[place], resampled=one.resampled + moved[place])
        for place, one in enumerate(runs)
        if one.resampled is not None
    ]
    return runs[:7], runs[7:]


@pytest.mark.parametrize("metric", COMPARED)
def test_tau_is_scipys_of_the_means_in_any_order_of_the_losses(metric: str) -> None:
    first, second = two_orders()
    means = [[one.measured(metric).mean() for one in side] for side in (first, second)]
    found = agreement(first, second[::-1], metric)
    assert found.tau == pytest.approx(stats.kendalltau(*means).statistic)
    assert found.losses == tuple(NAMES) and found.metric == metric
    published = dict(zip(NAMES, [0.1, 0.1, 0.3, 0.2, 0.2, 0.2, 0.5], strict=True))
    found = agreement(first, published, metric)
    assert found.tau == pytest.approx(stats.kendalltau(means[0], list(published.values())).statistic)


def test_bounds_are_those_of_the_significant_pairs() -> None:
    """At half the level in each of two orders, at all of it where the other is published."""
    first, second = two_orders(10)
    pairs = {name: all_pairs(side, "AP", pooled=True) for name, side in (("first", first), ("second", second))}
    known = [
        np.sign(one.value * other.value)
        for one, other in zip(pairs["first"], pairs["second"], strict=True)
        if is_significant(one, 0.025) and is_significant(other, 0.025)
    ]
    assert 0 < len(known) < 21
    found = agreement(first, second, "AP").bounds
    assert found is not None
    assert found.low == pytest.approx((sum(known) - 21 + len(known)) / 21)
    assert found.high == pytest.approx((sum(known) + 21 - len(known)) / 21)
    sure = [pair for pair in pairs["first"] if is_significant(pair, 0.05)]
    concordant = sum(pair.value > 0 for pair in sure)
    published = agreement(first, {name: float(place) for place, name in enumerate(NAMES)}, "AP").bounds
    assert published is not None and published.low == pytest.approx((2 * concordant - 21) / 21)


def test_published_values_do_not_move() -> None:
    clear = [made(name, [place, place + 0.1, place - 0.1], 0.1) for place, name in enumerate(NAMES)]
    found = agreement(clear, {name: -float(place) for place, name in enumerate(NAMES)}, "AP")
    for interval in (found.seeds, found.total, found.bounds):
        assert interval is not None and (interval.low, interval.high) == (-1, -1)
    tied = agreement(clear, dict.fromkeys(NAMES, 0.3), "AP")
    assert (tied.tau, tied.bounds, tied.seeds, tied.total, tied.redrawn) == (None,) * 5


def test_the_same_images_move_both_orders_alike() -> None:
    """Runs of two seeds that measure the same, so that images alone move them: in both orders by the same."""
    rng = np.random.default_rng(0)
    moved = {name: rng.normal(0, 1, (1, 300, 1)) for name in NAMES}
    runs = []
    for place, name in enumerate(NAMES):
        one = made(name, [place, place])
        runs.append(replace(one, resampled=one.values[:, None] + moved[name]))
    same, other = (agreement(runs, runs, "AP", same_images=same).total for same in (True, False))
    assert same is not None and (same.low, same.high) == (1, 1)
    assert other is not None and other.low < 0.8
    with pytest.raises(ValueError, match="300 and 200 resamples"):
        agreement(runs, [made(name, [0.1, 0.2]) for name in NAMES], "AP", same_images=True)


def test_what_is_not_known_is_not_given() -> None:
    first, second = two_orders()
    single = [replace(one, seeds=(0,), values=one.values[:1], resampled=None) for one in second]
    found = agreement(first, single, "AP")
    assert found.tau is not None and (found.seeds, found.total, found.redrawn) == (None, None, None)
    assert found.bounds is not None and (found.bounds.low, found.bounds.high) == (-1, 1)
    without = agreement(first, [replace(one, resampled=None) for one in second], "AP")
    assert without.seeds is not None and without.total is None


def test_losses_without_a_value_are_left_out_of_both() -> None:
    first, second = two_orders()
    published = {one.name: float(one.measured("APr").mean()) for one in second}
    expected = agreement(first[:5], {name: published[name] for name in NAMES[:5]}, "APr")
    holes = published | {"f": np.nan}
    first[6].values[0, COMPARED.index("APr")] = np.nan
    assert agreement(first, holes, "APr") == expected
    assert agreement(first[:1], {"a": 0.3}, "APr") == Agreement("APr", ("a",), None, None, None, None, None)


def test_other_losses_are_refused() -> None:
    first, second = two_orders()
    for other in (second[:6], [*second, second[0]], {"a": 0.1}):
        with pytest.raises(UserError, match="one order is of a, b, c, d, e, f, g, the other of a"):
            agreement(first, other, "AP")


def test_the_same_draws_every_time() -> None:
    first, second = two_orders()
    one, again, other = (agreement(first, second, "AP", random_seed=seed) for seed in (0, 0, 1))
    assert one == again and one.redrawn != other.redrawn
    assert one.total is not None
    narrow = agreement(first, second, "AP", confidence=0.5).total
    assert narrow is not None and one.total.low < narrow.low <= narrow.high < one.total.high


def test_pure_noise_agrees_with_nothing() -> None:
    """In 40 repetitions the mean of tau has a standard error of 0.05."""
    row = coverage(NOISE, ORDERS["the same"], 0, 10, 40, draws=200)
    assert row["true"] == 0 and abs(row["tau"]) < 0.15
    assert min(row["total"], row["bounds"]) >= 95
    assert row["seeds"] >= 87  # 95 %


@pytest.mark.parametrize(("order", "step"), [("half", 1.0), ("reverse", 2.0)])
def test_known_orders_are_held_where_losses_are_apart(order: str, step: float) -> None:
    row = coverage(NOISE, ORDERS[order], step, 10, 30, draws=200)
    assert min(row["total"], row["bounds"]) >= 87  # 95 %, in 30 repetitions
    assert row["bounds_width"] > row["total_width"] > 0


def test_where_losses_are_close_only_the_bounds_hold_a_perfect_order() -> None:
    """What the docstring warns of: percentiles lie nearer to 0."""
    row = coverage(NOISE, ORDERS["the same"], 0.5, 10, 30, draws=200)
    assert row["true"] == 1 and row["redrawn"] < row["tau"] < 0.8
    assert row["total"] < 30 and row["bounds"] >= 87
