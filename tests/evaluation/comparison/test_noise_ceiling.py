"""Halves of the seeds against each other: every split by a plain loop, with scipy's tau."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from made_values import made
from scipy import stats

from lt_bench.evaluation.comparison.noise_ceiling import noise_ceiling
from lt_bench.evaluation.comparison.runs import LossRuns

NAMES = "abcdefg"


def losses(seeds: int, gap: float, rng: np.random.Generator, names: str = NAMES) -> list[LossRuns]:
    """Means `gap` standard deviations of a run apart."""
    return [made(name, (0.01 * (gap * place + rng.normal(size=seeds))).tolist()) for place, name in enumerate(names)]


@pytest.mark.parametrize("seeds", [2, 4, 5])
def test_every_split_once(seeds: int) -> None:
    runs = losses(seeds, 0.5, np.random.default_rng(0))
    values = np.array([one.measured("APr") for one in runs])
    size = seeds // 2
    splits = {frozenset({frozenset(p[:size]), frozenset(p[size : 2 * size])}) for p in permutations(range(seeds))}
    expected = []
    for one, other in splits:
        halves = [values[:, sorted(half)].mean(axis=1) for half in (one, other)]
        expected.append(stats.kendalltau(*halves).statistic)
    found = noise_ceiling(runs, "APr")
    assert found is not None and found.every_split and found.runs == (size, size)
    assert sorted(found.taus) == pytest.approx(sorted(expected))
    assert found.mean() == pytest.approx(np.mean(expected))


def test_ten_seeds_have_126_splits_and_more_are_drawn() -> None:
    runs = losses(10, 1, np.random.default_rng(0))
    every, drawn = noise_ceiling(runs, "AP"), noise_ceiling(runs, "AP", splits=100)
    assert every is not None and every.every_split and len(every.taus) == 126
    assert drawn is not None and not drawn.every_split and len(drawn.taus) == 100
    assert drawn.mean() == pytest.approx(every.mean(), abs=0.03)
    middle = every.middle(0.9)
    assert middle is not None and (middle.low, middle.high) == tuple(np.quantile(every.taus, (0.05, 0.95)))


def test_what_a_seed_does_to_all_losses_is_no_noise() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(size=6)
    found = noise_ceiling([made(name, (place + 9 * common).tolist()) for place, name in enumerate(NAMES)], "AP")
    assert found is not None and set(found.taus) == {1.0}


def test_pure_noise_agrees_with_nothing_and_clear_orders_with_themselves() -> None:
    """The mean over 40 sets of seven losses: tau of noise scatters by 0.32."""
    rng = np.random.default_rng(3)
    noise = [noise_ceiling(losses(6, 0, rng), "AP") for _ in range(40)]
    assert np.mean([one.mean() for one in noise if one is not None]) == pytest.approx(0, abs=0.16)
    clear = noise_ceiling(losses(6, 10, rng), "AP")
    assert clear is not None and clear.mean() == 1


def test_losses_with_other_seeds_are_split_each_on_its_own() -> None:
    rng = np.random.default_rng(0)
    runs = [*losses(4, 1, rng, "abcd"), made("e", [0.02, 0.03, 0.01]), made("none", [np.nan] * 4)]
    found = noise_ceiling(runs, "AP", splits=3000)
    assert found is not None and not found.every_split and found.runs == (1, 2) and len(found.taus) == 3000
    values = [one.measured("AP") for one in runs[:5]]
    expected = []
    for _ in range(1500):
        halves: list[list[float]] = [[], []]
        for own in values:
            order, size = rng.permutation(own), len(own) // 2
            for side, half in enumerate(halves):
                half.append(order[side * size : (side + 1) * size].mean())
        expected.append(stats.kendalltau(*halves).statistic)
    assert found.mean() == pytest.approx(np.mean(expected), abs=0.03)
    assert np.std(found.taus) == pytest.approx(np.std(expected), abs=0.03)


def test_where_there_is_nothing_to_split() -> None:
    assert noise_ceiling([made("a", [0.1, 0.2]), made("b", [0.1])], "AP") is None
    assert noise_ceiling([made("a", [0.1, 0.2]), made("b", [np.nan, np.nan])], "AP") is None
    tied = noise_ceiling([made("a", [0.1] * 4), made("b", [0.1] * 4)], "AP")
    assert tied is not None and tied.mean() is None and tied.middle() is None
