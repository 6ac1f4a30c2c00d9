"""Two orders of the same losses against each other: tau, what is open of it, and the pairs that differ for sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from scipy import stats

from benchmarks.study.load import Track
from lt_bench.evaluation.comparison.noise_ceiling import NoiseCeiling, noise_ceiling
from lt_bench.evaluation.comparison.rank_agreement import Agreement, agreement
from lt_bench.evaluation.comparison.ranking import LEVEL, all_pairs, is_significant
from lt_bench.evaluation.comparison.redrawn import means
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.tau import EQUAL, tau_b
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.standing import POOLED

METRICS = ("AP", "APr")
MOST_PERMUTED = 8  # losses, of which all orders are counted

Pair = tuple[str, str]


@dataclass(frozen=True)
class Pairs:
    """How many pairs of losses there are, and which differ significantly, the better loss first.

    Significant is meant as in the bounds of tau: after Holm's correction, at half of 5 % in each of two measured
    orders. Published values are taken as they are, and all differ. kept: of those of the first order, the ones that
    have the same sign in the second one's means, significant or not. same, opposite: of those significant in both.
    """

    total: int
    first: tuple[Pair, ...]
    second: tuple[Pair, ...]
    kept: tuple[Pair, ...]

    @property
    def same(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.first if pair in self.second)

    @property
    def opposite(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.first if pair[::-1] in self.second)


@dataclass(frozen=True)
class Comparison:
    """One metric of two orders. first, second: what they are, for a table. doubted: no interval can be trusted, and
    none is there, nor are pairs. independent: whether the runs of one order are others than those of the other one,
    without which the percentiles say nothing, and are not there. single: whether a loss has one run on a side. chance:
    how often an order that has nothing to do with the first one gives this tau or a larger one.
    """

    first: str
    second: str
    metric: str
    agreement: Agreement
    pairs: Pairs
    doubted: bool = False
    independent: bool = True
    single: bool = False
    chance: float | None = None

    @property
    def losses(self) -> tuple[str, ...]:
        return self.agreement.losses


def compare_tracks(
    first: Track,
    second: Track,
    metric: str,
    kinds: tuple[BoxOrMask, BoxOrMask] = ("bbox", "bbox"),
    names: tuple[str, str] | None = None,
) -> Comparison | None:
    """Of the losses that both have; None with fewer than two."""
    losses = sorted(first.rows.keys() & second.rows.keys())
    if len(losses) < 2:
        return None
    doubted = metric in first.doubts() or metric in second.doubts()
    same = first.truth is not None and first.truth == second.truth
    return compare_runs(
        (first.runs(kinds[0], losses), second.runs(kinds[1], losses)),
        names or (first.name, second.name),
        metric,
        same_images=same,
        doubted=doubted,
        independent=first is not second,
    )


def compare_runs(
    sides: tuple[Sequence[LossRuns], Sequence[LossRuns] | Mapping[str, float]],
    names: tuple[str, str],
    metric: str,
    *,
    same_images: bool,
    doubted: bool = False,
    independent: bool = True,
) -> Comparison:
    """Runs of the same losses on both sides, or published values by loss on the second."""
    found = agreement(sides[0], sides[1], metric, same_images=same_images, pooled=POOLED)
    pairs = _pairs(sides[0], sides[1], metric, found.losses)
    if doubted:
        found = replace(found, bounds=None)
        pairs = Pairs(pairs.total, (), (), ())
    if doubted or not independent:
        found = replace(found, seeds=None, total=None, redrawn=None)
    measured = [one for side in sides if not isinstance(side, Mapping) for one in side if one.name in found.losses]
    single = any(len(one) < 2 for one in measured)
    values = _by_loss(sides[0], metric), _by_loss(sides[1], metric)
    chance = by_chance(*([side[loss] for loss in found.losses] for side in values)) if independent else None
    return Comparison(*names, metric, found, pairs, doubted, independent, single, chance)


def by_chance(first: Sequence[float], second: Sequence[float]) -> float | None:
    """In which share of all orders of the second values tau is at least what it is; None where it is not defined.

    Exact: all orders are equally likely if the two have nothing to do with each other, whatever seeds and images did.
    A small share says that they have something in common, not how much.
    """
    one, other = np.array(first, dtype=np.float64), np.array(second, dtype=np.float64)
    if len(one) < 2 or not np.isfinite(tau_b(one, other)):
        return None
    if len(one) > MOST_PERMUTED:
        return float(stats.kendalltau(one, other, alternative="greater").pvalue)
    taus = tau_b(one, other[np.array(list(permutations(range(len(other)))))])
    return float((taus >= tau_b(one, other) - EQUAL).mean())


def ceilings(track: Track) -> list[NoiseCeiling]:
    """How well the track's order agrees with itself, in each of METRICS; without those that have too few seeds."""
    found = [noise_ceiling(track.runs(), metric) for metric in METRICS]
    return [one for one in found if one is not None and one.mean() is not None]


def significant(runs: Sequence[LossRuns], metric: str, level: float = LEVEL) -> list[Pair]:
    """The pairs that differ, the better loss first."""
    found = [pair for pair in all_pairs(runs, metric, pooled=POOLED) if is_significant(pair, level)]
    return [(pair.second, pair.first) if pair.value > 0 else (pair.first, pair.second) for pair in found]


def _pairs(
    first: Sequence[LossRuns], second: Sequence[LossRuns] | Mapping[str, float], metric: str, losses: Sequence[str]
) -> Pairs:
    values = _by_loss(second, metric)
    if isinstance(second, Mapping):
        level = LEVEL
        sure = [(one, other) for one in losses for other in losses if values[one] > values[other]]
    else:
        chosen = [one for one in second if one.name in losses]
        level = LEVEL / 2
        sure = significant(chosen, metric, level)
    mine = significant([one for one in first if one.name in losses], metric, level)
    kept = [(one, other) for one, other in mine if np.sign(values[one] - values[other]) > 0]
    return Pairs(len(losses) * (len(losses) - 1) // 2, tuple(mine), tuple(sure), tuple(kept))


def _by_loss(side: Sequence[LossRuns] | Mapping[str, float], metric: str) -> dict[str, float]:
    if isinstance(side, Mapping):
        return dict(side)
    return dict(zip([one.name for one in side], means(side, metric).tolist(), strict=True))
