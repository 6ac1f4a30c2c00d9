"""Several losses at once, against plain loops, closed forms and simulation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration.seeds import LEVELS, several
from lt_bench.evaluation.comparison.ranking import all_pairs, groups, holm, probability_best, ranks
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.seeds import pooled_scatter
from lt_bench.evaluation.comparison.total import Difference

M = len(COMPARED)


def made(name: str, values: list[float], images: float = 0.0, first_seed: int = 0, resamples: int = 200) -> LossRuns:
    """Runs whose every metric is `values`, and whose resamples scatter by `images`, all runs' alike."""
    measured = np.repeat(np.array(values)[:, None], M, axis=1)
    moved = np.random.default_rng(sum(map(ord, name))).normal(0, images, (1, resamples, 1))
    seeds = tuple(range(first_seed, first_seed + len(values)))
    return LossRuns(name, seeds, measured, measured[:, None] + moved)


def test_holm_is_the_step_down_procedure() -> None:
    """The procedure as Holm wrote it down: from the smallest p on, stop at the first that is not small enough."""
    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 21):
        p_values = [float(p) for p in rng.uniform(size=count) ** 4]
        p_values[-1] = p_values[0]  # a tie
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
    assert {one.name: one.rank for one in found} == {"high": 1, "as high": 1, "one run": None, "low": 3}
    assert sorted(map(sorted, groups(runs, pairs))) == [["as high", "high"], ["low"]]
    assert all(one.from_images_only for one in found)
    assert not any(one.from_images_only for one in ranks([runs[0], runs[2]], "AP"))


def test_with_one_seed_each_there_are_no_ranks() -> None:
    runs = [made("a", [0.1], 0.01), made("b", [0.9], 0.01)]
    assert [one.rank for one in ranks(runs, "AP")] == [None, None]
    assert groups(runs, all_pairs(runs, "AP")) == []


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


def test_of_seven_equal_losses_hardly_ever_two_differ() -> None:
    """5 % at most in truth, with and without one variance for all; and one variance finds more of what there is."""
    found = several(LEVELS["5"], 7, 3, 30)
    assert found["holm"] <= 15 and found["pooled"] <= 15
    assert found["plain"] > 25
    assert found["pooled_found"] > 2 * found["holm_found"] > 0
