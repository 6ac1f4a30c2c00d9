"""Several losses at once, against plain loops, closed forms and simulation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from made_values import made

from benchmarks.calibration.seeds import LEVELS, several
from lt_bench.evaluation.comparison.ranking import all_pairs, groups, holm, number_of_losses, ranks
from lt_bench.evaluation.comparison.total import Difference


def test_holm_is_the_step_down_procedure() -> None:
    """The procedure as Holm wrote it down: from the smallest p on, stop at the first that is not small enough."""
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 21):
        p_values = [float(p) for p in rng.uniform(size=count) ** 4]
        p_values[-1] = p_values[0]  # a tie
        p_values = p_values if count != 5 else [0.012, 0.049, 0.016, 0.0099, 0.024]  # each just small enough at 0.05
        for level in (0.01, 0.05, 0.3):
            rejected = set()
            for step, i in enumerate(sorted(range(count), key=p_values.__getitem__)):
                if p_values[i] > level / (count - step):
                    break
                rejected.add(i)
            assert {i for i, p in enumerate(holm(p_values)) if p <= level} == rejected
    assert holm([]) == []


def test_all_pairs_are_corrected_together_and_unknown_ones_left_out() -> None:
    runs = [made("a", [0.2, 0.21, 0.22]), made("b", [0.3, 0.33, 0.31]), made("c", [0.5, 0.5, 0.53]), made("d", [0.4])]
    pairs = all_pairs(runs, "AP")
    assert [(pair.first, pair.second) for pair in pairs] == list(combinations("abcd", 2))
    known = [pair for pair in pairs if pair.p is not None]
    assert [(pair.first, pair.second) for pair in known] == list(combinations("abc", 2))
    assert [pair.p_holm for pair in known] == holm([pair.p for pair in known if pair.p is not None])
    assert all(pair.p_holm is None for pair in pairs if "d" in (pair.first, pair.second))


def test_losses_that_can_not_be_told_apart_share_a_rank() -> None:
    runs = [
        made("low", [0.100, 0.101, 0.102, 0.1]),
        made("one run", [0.25]),
        made("high", [0.300, 0.301, 0.302, 0.302]),
        made("as high", [0.301, 0.302, 0.300, 0.302]),
    ]
    pairs = all_pairs(runs, "AP")
    found = ranks(runs, "AP", pairs)
    assert [one.name for one in found] == ["high", "as high", "one run", "low"] or found[0].name == "as high"
    assert {one.name: one.rank for one in found} == {"high": 1, "as high": 1, "one run": 1, "low": 3}
    assert sorted(map(sorted, groups(runs, pairs))) == [["as high", "high"], ["low"]]
    assert all(one.from_images_only for one in found)
    assert not any(one.from_images_only for one in ranks([runs[0], runs[2]], "AP"))


def test_ranks_end_at_the_last_that_is_not_significantly_worse() -> None:
    runs = [
        made("low", [0.100, 0.101, 0.102, 0.1]),
        made("one run", [0.25]),
        made("high", [0.300, 0.301, 0.302, 0.302]),
        made("none", [np.nan] * 4),
    ]
    ends = {one.name: (one.rank, one.worst) for one in ranks(runs, "AP")}
    assert ends == {"high": (1, 2), "one run": (1, 3), "low": (2, 3), "none": (None, None)}


@pytest.mark.parametrize("pooled", [True, False])
def test_a_loss_with_one_run_changes_nothing_for_the_others(pooled: bool) -> None:
    values = {"a": [0.20, 0.24, 0.19], "b": [0.30, 0.35, 0.28], "c": [0.25, 0.27, 0.26]}
    runs = [made(name, own, 0.01) for name, own in values.items()]
    pairs = all_pairs([made("single", [0.9], 0.01), *runs], "AP", pooled=pooled)
    assert pairs[3:] == all_pairs(runs, "AP", pooled=pooled) and pairs[3].paired
    assert [pair.p for pair in pairs[:3]] == [None] * 3


def test_with_one_seed_each_every_rank_is_possible() -> None:
    runs = [made("a", [0.1], 0.01), made("b", [0.9], 0.01)]
    assert [one.rank for one in ranks(runs, "AP")] == [1, 1]
    assert groups(runs, all_pairs(runs, "AP")) == []


def test_without_a_value_there_is_no_rank() -> None:
    found = ranks([made("a", [0.1, 0.2]), made("b", [np.nan, np.nan])], "AP")
    assert [(one.name, one.rank) for one in found] == [("a", 1), ("b", None)]


def test_where_one_loss_lacks_a_seed_no_pair_is_paired() -> None:
    """One variance for all: from runs around their loss's mean, on 2 + 2 + 1 degrees of freedom."""
    values = {"a": [0.20, 0.24, 0.19], "b": [0.30, 0.35, 0.28], "c": [0.25, 0.27]}
    pairs = all_pairs([made(name, own, 0.01) for name, own in values.items()], "AP", pooled=True)
    squares = sum(((np.array(own) - np.mean(own)) ** 2).sum() for own in values.values())
    for pair in pairs:
        assert not pair.paired and pair.df == 5
        assert pair.seed_deviation == pytest.approx((squares / 5) ** 0.5)
    assert all(pair.paired for pair in all_pairs([made(name, values[name], 0.01) for name in "ab"], "AP", pooled=True))
    assert number_of_losses(pairs) == 3


def test_groups_are_the_largest_sets_without_a_significant_pair() -> None:
    """Against all subsets."""
    rng = np.random.default_rng(1)
    names = [f"loss {i}" for i in range(7)]
    runs = [made(name, [0.1 * i, 0.1 * i + 0.01]) for i, name in enumerate(names)]
    template = all_pairs(runs, "AP")
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        pairs: list[Difference] = [replace(pair, p_holm=float(rng.uniform() > share)) for pair in template]
        apart = {frozenset((pair.first, pair.second)) for pair in pairs if pair.p_holm == 0}
        sets = [
            set(some)
            for size in range(1, 8)
            for some in combinations(names, size)
            if not any(frozenset(two) in apart for two in combinations(some, 2))
        ]
        largest = [some for some in sets if not any(some < other for other in sets)]
        found = groups(runs, pairs)
        assert sorted(map(sorted, found)) == sorted(map(sorted, largest))
        assert all(list(one) == sorted(one, reverse=True) for one in found)  # the best first


def test_of_seven_equal_losses_hardly_ever_two_differ() -> None:
    """5 % at most in truth, with and without one variance for all; and one variance finds more of what there is."""
    found = several(LEVELS["5"], 7, 3, 30)
    assert found["holm"] <= 15 and found["pooled"] <= 15
    assert found["plain"] > 25
    assert found["pooled_found"] > 2 * found["holm_found"] > 0
