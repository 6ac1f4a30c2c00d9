"""Whether two orders of the same losses agree: Kendall's tau-b, with what seeds and images leave open.

What is estimated is the tau of the true means: those over all seeds and all images of the same kind, with the same data
set, detector, schedule, recipe and hyper-parameters. Noise in either order brings tau nearer to 0, where neighbours are
not far apart; in redrawn values it comes a second time and brings it nearer still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.order import Order, measured, published, redrawn
from lt_bench.evaluation.comparison.redrawn import means
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.tau import possible_tau, tau_b

Floats = NDArray[np.float64]
DRAWS = 2000


@dataclass(frozen=True)
class Agreement:
    """Of the losses that have a value in both orders. tau: tau-b of the means; None where it is not defined.

    bounds: all taus that are possible if each pair that is significant in an order has its sign there, and every other
    pair any sign or none. Significant is meant after Holm's correction, at half of 1 - confidence in each of two
    measured orders. As far as the total intervals of differences hold, the bounds hold the true tau with at least the
    confidence, however close the losses are. The price: they are wide, [-1, 1] where no pair is significant.

    seeds, total: percentiles of the taus of redrawn means: with other seeds on these very images, and with other seeds
    and other images at once, in the form of the total interval (redrawn.py). None where a loss has one run; total also
    without resampled values. redrawn: the mean of the total's taus.

    The percentiles can't be trusted where losses are so close that the order is mostly noise and the true tau is far
    from 0: tau itself is then too near to 0 and its redrawn values nearer still. How often 95 % percentiles (total)
    held the true tau in simulations, in percent of 300 repetitions with 7 losses of 10 seeds in two orders on the same
    images, by how many standard errors of a difference neighbours are apart (benchmarks/calibration/rank_agreement.py):

        true tau               1     0.81    0.52    0.14      -1
        0.5 standard errors    0.7   62.0    95.3    99.7     0.0
        1                     48.7   96.3    99.3   100.0    43.0
        2                    100.0   99.7    99.7   100.0   100.0
        3                    100.0  100.0   100.0   100.0   100.0

    With all losses equal in both orders, the true tau taken as 0: 100. The bounds held it always, at 0.5, 1, 2 and 3
    standard errors with a mean width of about 2, 1.6, 0.8 and 0.4, where that of the percentiles was 0.8, 0.5, 0.3 and
    0.1. Where a perfect agreement is in question, the bounds are what counts; a `redrawn` nearer to 0 than tau is the
    sign that the percentiles are too near to 0.

    There seeds and images did as much to a run. seeds held the tau of the losses on the images drawn in 95 to 100, but
    in 58 to 100 where seeds did 5 times as much, and 78 to 100 with 3 seeds a loss (100 repetitions each): the same
    warning holds for it. total and bounds did in both as above. The metric simulated is a mean over images; for AP
    itself nothing was simulated here.
    """

    metric: str
    losses: tuple[str, ...]
    tau: float | None
    bounds: Interval | None
    seeds: Interval | None
    total: Interval | None
    redrawn: float | None


def agreement(
    first: Sequence[LossRuns],
    second: Sequence[LossRuns] | Mapping[str, float],
    metric: str,
    *,
    same_images: bool = False,
    confidence: float = 0.95,
    pooled: bool = True,
    draws: int = DRAWS,
    random_seed: int = 0,
) -> Agreement:
    """How far the order of `first` agrees with that of `second` in one of COMPARED.

    second: other runs of the same losses, whose seeds are redrawn on their own; or published values by loss, which are
    taken as they are, so that nothing is said of how they would move. same_images: both sides are measured on the same
    validation images and resampled alike. pooled: as in `ranking.all_pairs`, for the bounds. Of a metric that
    `intervals.doubts` names, only tau itself may be shown. Raises UserError when the losses are not the same, and
    ValueError when resamples called the same differ in number.
    """
    names = _same_losses([one.name for one in first], _names(second))
    values = np.stack([means(first, metric), _values(names, second, metric)])
    names = [name for name, pair in zip(names, values.T, strict=True) if np.isfinite(pair).all()]
    if len(names) < 2:
        return Agreement(metric, tuple(names), None, None, None, None, None)
    rng = np.random.default_rng(random_seed)
    fixed = isinstance(second, Mapping)
    level = (1 - confidence) / (1 if fixed else 2)
    sides = [
        published([side[name] for name in names])
        if isinstance(side, Mapping)
        else measured(_chosen(side, names), metric, level, pooled, draws, rng)
        for side in (first, second)
    ]
    tau = float(tau_b(sides[0].values, sides[1].values))
    seeds = _taus(sides, (None, None))
    rows = _image_rows(sides, same_images and not fixed, draws, rng)
    total = None if rows is None else _taus(sides, rows)
    return Agreement(
        metric,
        tuple(names),
        tau if np.isfinite(tau) else None,
        possible_tau(sides[0].sure, sides[1].sure),
        _percentiles(seeds, confidence),
        _percentiles(total, confidence),
        None if total is None or len(total) < 2 else float(total.mean()),
    )


def _names(side: Sequence[LossRuns] | Mapping[str, float]) -> list[str]:
    return list(side) if isinstance(side, Mapping) else [one.name for one in side]


def _same_losses(first: Sequence[str], second: Sequence[str]) -> list[str]:
    if sorted(first) != sorted(second) or len(set(first)) < len(first):
        raise UserError(
            f"one order is of {', '.join(first)}, the other of {', '.join(second)}",
            "give the same losses on both sides, each once",
        )
    return list(first)


def _values(names: Sequence[str], side: Sequence[LossRuns] | Mapping[str, float], metric: str) -> Floats:
    if isinstance(side, Mapping):
        return np.array([side[name] for name in names], dtype=np.float64)
    return means(_chosen(side, names), metric)


def _chosen(runs: Sequence[LossRuns], names: Sequence[str]) -> list[LossRuns]:
    by_name = {one.name: one for one in runs}
    return [by_name[name] for name in names]


def _image_rows(
    sides: Sequence[Order], same: bool, draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.integer], NDArray[np.integer]] | None:
    """Which resample of the images each draw takes on each side, of those in which all losses have a value."""
    first, second = (side.images for side in sides)
    if first is None or second is None:
        return None
    there = [np.isfinite(moves).all(axis=1) for moves in (first, second)]
    if same:
        if len(first) != len(second):
            raise ValueError(f"{len(first)} and {len(second)} resamples of the same images")
        there = [there[0] & there[1]] * 2
    if min(one.sum() for one in there) < 1:
        return None
    drawn = [rng.choice(np.flatnonzero(one), size=draws) for one in there]
    return drawn[0], drawn[0] if same else drawn[1]


def _taus(sides: Sequence[Order], rows: tuple[NDArray[np.integer] | None, NDArray[np.integer] | None]) -> Floats | None:
    """Of redrawn values, those that are defined: float64 [at most draws]."""
    first, second = (redrawn(side, of_side) for side, of_side in zip(sides, rows, strict=True))
    if first is None or second is None:
        return None
    found = tau_b(first, second)
    defined: Floats = found[np.isfinite(found)]
    return defined


def _percentiles(taus: Floats | None, confidence: float) -> Interval | None:
    if taus is None or len(taus) < 2:
        return None
    low, high = np.quantile(taus, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(float(low), float(high))
