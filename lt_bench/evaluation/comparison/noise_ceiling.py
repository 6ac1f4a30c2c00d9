"""How well an order of losses can agree with itself: halves of its seeds against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.tau import tau_b

Floats = NDArray[np.float64]
Places = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class NoiseCeiling:
    """taus: float64 [N], of each split into halves, NaN where none is defined. runs: of a loss in a half, from the
    fewest to the most over the losses. every_split: whether these are all of them, or as many drawn at random.
    """

    metric: str
    taus: Floats
    runs: tuple[int, int]
    every_split: bool

    def mean(self) -> float | None:
        """None where no split has a tau."""
        known = self.taus[np.isfinite(self.taus)]
        return float(known.mean()) if len(known) else None

    def middle(self, share: float = 0.95) -> Interval | None:
        """Between which taus the middle `share` of the splits lie. None where no split has a tau."""
        known = self.taus[np.isfinite(self.taus)]
        if not len(known):
            return None
        low, high = np.quantile(known, ((1 - share) / 2, (1 + share) / 2))
        return Interval(float(low), float(high))


def noise_ceiling(
    runs: Sequence[LossRuns], metric: str, splits: int = 2000, random_seed: int = 0
) -> NoiseCeiling | None:
    """Tau-b of the means over one half of the seeds and those over the other, in one of COMPARED.

    Of losses that all have the same seeds, the same ones go into a half, and there are all splits, or `splits` drawn at
    random where there are more; of an odd number one seed stays out, each in turn. Other losses are split each on its
    own, at random. Losses without a value are left out. None where fewer than two losses are left, or one has one run.

    A half has half the runs, so two orders of n runs a loss can agree better than these do. Both halves are measured
    on the same images: what these do to the losses they share, and orders on other images agree less. The splits share
    their runs: their spread is no error of the mean.
    """
    runs = [one.ordered() for one in runs if np.isfinite(one.measured(metric)).all()]
    if len(runs) < 2 or any(len(one) < 2 for one in runs):
        return None
    rng = np.random.default_rng(random_seed)
    if all(are_paired(runs[0], one) for one in runs):
        places, every = _halves(len(runs[0]), splits, rng)
        halves = [places] * len(runs)
    else:
        halves, every = [_drawn(len(one), splits, rng) for one in runs], False
    values = [one.measured(metric) for one in runs]
    sides = [
        np.stack([of_loss[half[:, side]].mean(axis=-1) for of_loss, half in zip(values, halves, strict=True)], axis=1)
        for side in (0, 1)
    ]
    sizes = [len(one) // 2 for one in runs]
    return NoiseCeiling(metric, tau_b(sides[0], sides[1]), (min(sizes), max(sizes)), every)


def _halves(count: int, most: int, rng: np.random.Generator) -> tuple[Places, bool]:
    """Places of the runs in both halves, [N, 2, count // 2], and whether they are all that there are."""
    size = count // 2
    if comb(count, size) * comb(count - size, size) // 2 > most:
        return _drawn(count, most, rng), False
    found = []
    for one in combinations(range(count), size):
        rest = [place for place in range(count) if place not in one]
        found += [(one, other) for other in combinations(rest, size) if one < other]
    return np.array(found), True


def _drawn(count: int, splits: int, rng: np.random.Generator) -> Places:
    """[splits, 2, count // 2]"""
    size = count // 2
    order = rng.random((splits, count)).argsort(axis=1)
    return order[:, : 2 * size].reshape(splits, 2, size)
