"""How sure a difference of two losses is when both seeds and images are taken as chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from lt_bench.evaluation.comparison.intervals import Interval, image_interval
from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.seeds import Scatter, scatter, seed_interval

Floats = NDArray[np.float64]

# What each interval is about, for whoever prints one.
COVERS = {
    "images": "other validation images of the same kind, with these very checkpoints; not other seeds",
    "seeds": "other seeds of the same losses, on these very validation images; not other images",
    "total": "other seeds of the same losses and other validation images of the same kind, at once",
}
COVERED_BY_NONE = "None of them covers another data set, backbone, schedule, recipe or other hyper-parameters."


class ImageVariance(NamedTuple):
    """Of a difference of two losses' means. whole: with these very checkpoints. of_losses: what is left of it with any
    number of seeds; as it is estimated from the same resamples, it may be too small by chance.
    """

    whole: float
    of_losses: float


@dataclass(frozen=True)
class Difference:
    """Two losses in one metric. value: mean of the second's runs minus mean of the first's; NaN if it isn't there.

    images, seeds, total: intervals for what COVERS says. p_images, p_seeds, p_total: two-sided. seeds and total, and
    their p, are None where a loss has one run; images and total are None without resampled values. p_images: what was
    given to `difference`. p_holm: p_total, corrected for all pairs; None before that. All of them are None where no
    interval can be trusted (`without_intervals`).

    paired: whether the variance between seeds is that of runs paired by seed. df: its degrees of freedom.
    seed_deviation: standard deviation between the runs of a loss (paired: between the differences of pairs). Both None
    where a loss has one run. image_deviation: the part of the standard error that comes from the images and that more
    seeds don't shrink (ImageVariance.of_losses).
    """

    first: str
    second: str
    metric: str
    value: float
    images: Interval | None
    p_images: float | None
    seeds: Interval | None
    p_seeds: float | None
    total: Interval | None
    p_total: float | None
    n_first: int
    n_second: int
    paired: bool
    df: float | None
    seed_deviation: float | None
    image_deviation: float | None
    p_holm: float | None = None

    @property
    def p(self) -> float | None:
        """The p that decides: the total's, and never another one in its place."""
        return self.p_total


def difference(
    first: LossRuns,
    second: LossRuns,
    metric: str,
    confidence: float = 0.95,
    p_images: float | None = None,
    known: Scatter | None = None,
) -> Difference:
    """Two losses in one of COMPARED.

    p_images: of the swap test, which needs the evidence itself. known: how the difference of means scatters with the
    seeds, where that is estimated from more than these two losses.
    """
    paired = are_paired(first, second) if known is None else known.paired
    if paired:
        first, second = first.ordered(), second.ordered()
    values = first.measured(metric), second.measured(metric)
    found = known or scatter(*values, paired)
    seeds = seed_interval(*values, paired, confidence, found)
    result = Difference(
        first=first.name,
        second=second.name,
        metric=metric,
        value=seeds.value,
        images=None,
        p_images=p_images,
        seeds=seeds.interval,
        p_seeds=seeds.p,
        total=None,
        p_total=None,
        n_first=len(first),
        n_second=len(second),
        paired=paired,
        df=seeds.df,
        seed_deviation=found.deviation if found and seeds.interval else None,
        image_deviation=None,
    )
    resampled = first.in_resamples(metric), second.in_resamples(metric)
    if resampled[0] is None or resampled[1] is None or not np.isfinite(seeds.value):
        return result
    variance = image_variance(resampled[0], resampled[1], paired)
    if variance is None:
        return result
    means = resampled[1].mean(axis=0) - resampled[0].mean(axis=0)
    result = replace(
        result, images=image_interval(seeds.value, means, confidence), image_deviation=variance.of_losses**0.5
    )
    if found is None:
        return result
    total, p = total_interval(seeds.value, found, variance, confidence)
    return replace(result, total=total, p_total=p)


def without_intervals(pair: Difference) -> Difference:
    """The value only: for metrics of which no interval can be trusted (intervals.doubts)."""
    return replace(
        pair,
        images=None,
        p_images=None,
        seeds=None,
        p_seeds=None,
        total=None,
        p_total=None,
        df=None,
        seed_deviation=None,
        image_deviation=None,
        p_holm=None,
    )


def image_variance(first: Floats, second: Floats, paired: bool) -> ImageVariance | None:
    """What the images do to the difference of two losses.

    first, second: float64 [S1, B], [S2, B], values of the runs in the same B resamples. The bootstrap's variance of the
    difference of means holds two things: what the images do to the losses as such, and what they do to single runs,
    one more and another less. The latter is in the variance between seeds already, and shrinks with their number; it
    is taken out of `of_losses` (variance of the runs around their loss's mean), so that nothing counts twice. With one
    run a side they can't be told apart, and both are the same. None with fewer than two resamples with a value.
    """
    there = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    if there.sum() < 2:
        return None
    first, second = first[:, there], second[:, there]
    whole = float(np.var(second.mean(axis=0) - first.mean(axis=0), ddof=1))
    sides = [second - first] if paired else [first, second]
    return ImageVariance(whole, max(0.0, whole - sum(of_single_runs(side) for side in sides)))


def of_single_runs(values: Floats) -> float:
    """What images do to single runs of [S, B], as a variance of the mean over runs. 0 where S = 1."""
    runs = len(values)
    if runs < 2:
        return 0.0
    around_mean = values - values.mean(axis=0)
    return float(np.var(around_mean, axis=1, ddof=1).sum() / (runs - 1) / runs)


def total_interval(
    value: float, seeds: Scatter, images: ImageVariance, confidence: float = 0.95
) -> tuple[Interval, float]:
    """Interval and two-sided p of a difference whose variance is that of the seeds plus that of the images.

    It is never narrower than the interval of either: the images' part is at least what makes the sum as large as the
    images' whole variance, which a few seeds that happen to be alike would otherwise undercut; see `half_width` for the
    seeds. p is at most 1 - confidence where 0 is outside the interval, and nowhere else.
    """
    part = max(images.of_losses, images.whole - seeds.variance)
    half = float(half_width(seeds.variance, seeds.df, part, 1 - confidence))
    return Interval(value - half, value + half), _p(abs(value), seeds, part)


def half_width(seeds: float | Floats, df: float | Floats, images: float | Floats, level: float) -> np.float64 | Floats:
    """Half the width of the total interval at the confidence 1 - level. seeds, images: variances; shapes broadcast.

    A bootstrap over n seeds would be too narrow: its variance is short by (n - 1) / n, and its quantiles are normal
    ones. So the seeds' part gets its t quantile, the images' part, known much better, the normal one, and the sum
    their mean, weighted by the variances (Cochran and Cox, Experimental Designs, 1957). The usual Satterthwaite degrees
    of freedom are too optimistic here: with two pairs of runs, 95 % intervals cover down to 87 %. Where the t quantile
    is more than twice the normal one, the mean falls faster than the variance grows with the images; what the seeds
    alone give is the least.
    """
    seeds, images = np.asarray(seeds, dtype=np.float64), np.asarray(images, dtype=np.float64)
    error = np.sqrt(seeds + images)
    of_seeds, of_images = -special.stdtrit(df, level / 2), -special.ndtri(level / 2)
    both = (seeds * of_seeds + images * of_images) / np.where(error > 0, error, 1)
    half: np.float64 | Floats = np.maximum(both, np.sqrt(seeds) * of_seeds)
    return half


def _p(seen: float, seeds: Scatter, images: float, smallest: float = 1e-300) -> float:
    """The level at which half the interval's width is the absolute difference that was seen."""

    def missing(log: float) -> float:  # on a logarithmic scale: p may be 1 or 1e-50
        return float(half_width(seeds.variance, seeds.df, images, np.exp(log))) - seen

    low, high = np.log(smallest), np.log(1 - 1e-9)
    if missing(low) <= 0:
        return float(seen == 0)
    return 1.0 if missing(high) >= 0 else float(np.exp(optimize.brentq(missing, low, high, xtol=1e-9)))
