"""What is said about two losses: never more than the intervals and p-values say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lt_bench.evaluation.comparison.comparison import Comparison, Options, Pair
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.total import Difference, without_intervals
from lt_bench.evaluation.comparison.verdict import listed, says_nothing, verdict


def made(value: float, half: float, p: float, n: int = 3, metric: str = "AP") -> Difference:
    interval = Interval(value - half, value + half)
    known = n > 1
    return Difference(
        first="ce",
        second="ecm",
        metric=metric,
        value=value,
        images=interval,
        p_images=None if known else p,
        seeds=interval if known else None,
        p_seeds=p if known else None,
        total=interval if known else None,
        p_total=p if known else None,
        n_first=n,
        n_second=n,
        paired=True,
        df=n - 1 if known else None,
        seed_deviation=0.01 if known else None,
        image_deviation=0.01,
        p_holm=p if known else None,
    )


def said(differences: Mapping[str, Difference], pairs: int = 1) -> str:
    differences = {metric: replace(one, metric=metric) for metric, one in differences.items()}
    holm = {metric: one.p_images for metric, one in differences.items() if one.p_images is not None}
    pair = Pair("ce", "ecm", differences, holm, {}, None)
    return verdict(pair, Comparison(Options(), 100, 10, (), (pair,) * pairs, {}))


def test_a_clear_difference_and_an_unclear_one() -> None:
    text = said({"AP": made(0.012, 0.009, 0.02), "APr": made(0.01, 0.05, 0.6)})
    assert text == (
        "ecm is better than ce in AP by 1.20 points (95 %: 0.30 to 2.10, seeds and images); in APr nothing can be said."
    )


def test_worse_is_said_with_positive_sizes() -> None:
    text = said({"AP": made(-0.012, 0.009, 0.02), "APf": made(0.02, 0.01, 0.01)})
    assert text == (
        "ecm is better than ce in APf by 2.00 points (95 %: 1.00 to 3.00, seeds and images); "
        "ecm is worse than ce in AP by 1.20 points (0.30 to 2.10)."
    )


def test_the_corrected_p_decides_among_several_pairs() -> None:
    one = replace(made(0.012, 0.009, 0.02), p_holm=0.06)
    assert said({"AP": one}, pairs=3) == (
        "ecm against ce: nothing can be said in AP (seeds and images, p corrected for all pairs)."
    )


def test_a_metric_without_intervals_is_never_told_of() -> None:
    clear, silent = made(0.012, 0.009, 0.02), without_intervals(made(0.012, 0.009, 0.02, metric="APr"))
    assert said({"AP": clear, "APr": silent}).endswith("; in APr nothing can be said.")
    for one, nothing in ((clear, False), (replace(clear, p_holm=0.06), True), (made(0.012, 0.009, 0.02, n=1), False)):
        pair = Pair("ce", "ecm", {"AP": one, "APr": silent}, {}, {}, None)
        assert says_nothing(pair, 0.05) == nothing


@pytest.mark.parametrize(("half", "p"), [(0.02, 0.01), (0.005, 0.2), (0.02, 0.2)])
def test_of_checkpoints_both_methods_must_agree(half: float, p: float) -> None:
    text = said({"AP": made(0.01, half, p, n=1)})
    assert text == (
        "This checkpoint of ecm against this checkpoint of ce: nothing can be said in AP (images only). "
        "Whether ecm is better than ce as a loss can't be said: there is one seed of ce and one of ecm."
    )


def test_of_checkpoints_a_loss_is_never_called_better() -> None:
    text = said({"AP": made(0.01, 0.005, 0.01, n=1)})
    assert text == (
        "This checkpoint of ecm is better than this checkpoint of ce in AP by 1.00 points (95 %: 0.50 to 1.50, images "
        "only). Whether ecm is better than ce as a loss can't be said: there is one seed of ce and one of ecm."
    )


def test_nothing_was_measured() -> None:
    assert said({}) == "ecm against ce: nothing was measured."


def test_lists() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        *("nothing", "a", "a and b", "a, b and c"),
    ]
