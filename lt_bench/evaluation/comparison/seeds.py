"""How sure a difference of two losses is, as far as seeds go: Student's t for paired runs, Welch's for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from lt_bench.evaluation.comparison.intervals import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """How far a difference of means scatters with the seeds.

    variance: of the difference of the means, in squared units of the values. df: degrees of freedom it is known with.
    paired: whether it is that of pairs of runs. deviation: of a single run; with pairs, of a single difference. Without
    pairs, the root mean square of both sides'.
    """

    variance: float
    df: float
    deviation: float
    paired: bool


@dataclass(frozen=True)
class SeedResult:
    """value: mean of the second minus mean of the first. interval, p (two-sided), df: None where a side has one run."""

    value: float
    interval: Interval | None
    p: float | None
    df: float | None


def scatter(first: Floats, second: Floats, paired: bool) -> Scatter | None:
    """first, second: float64 [S1], [S2], one value a run; paired ones are of the same length and in the same order.

    Unpaired: Welch's variance and degrees of freedom (Biometrika 34, 1947), but no more of the latter than with equal
    variances on both sides. That changes nothing for as many runs on both; with 2 and 10, Welch's own would call equal
    losses different in 10 % of the cases. None where a side has one run.
    """
    if min(len(first), len(second)) < 2:
        return None
    if paired:
        spread = float(np.var(second - first, ddof=1))
        return Scatter(spread / len(first), len(first) - 1, spread**0.5, paired)
    both = [float(np.var(side, ddof=1)) for side in (first, second)]
    found, alike = _welch(both, first, second), _welch([1.0, 1.0], first, second)
    return Scatter(found[0], min(found[1], alike[1]), (sum(both) / 2) ** 0.5, paired)


def _welch(variances: Sequence[float], first: Floats, second: Floats) -> tuple[float, float]:
    """The variance of the difference of means, and its degrees of freedom."""
    runs = (len(first), len(second))
    of_means = [variance / n for variance, n in zip(variances, runs, strict=True)]
    weights = sum(of_mean**2 / (n - 1) for of_mean, n in zip(of_means, runs, strict=True))
    return sum(of_means), sum(of_means) ** 2 / weights if weights else float(sum(runs) - 2)


def pooled_scatter(losses: Sequence[Floats], first: int, second: int, paired: bool) -> Scatter | None:
    """The scatter of losses[second] - losses[first], with one variance for all losses, from `pooled_variance`.

    None where a side has one run.
    """
    runs = len(losses[first]), len(losses[second])
    found = pooled_variance(losses, paired)
    if found is None or min(runs) < 2:
        return None
    variance, df = found
    return Scatter(variance * (1 / runs[0] + 1 / runs[1]), df, (variance * (2 if paired else 1)) ** 0.5, paired)


def pooled_variance(losses: Sequence[Floats], paired: bool) -> tuple[float, float] | None:
    """The variance between the runs of a loss and its degrees of freedom, if seeds move all losses alike.

    losses: of each, float64 [S], one value a run. paired: all have the same seeds in the same order, and what a seed
    does to all of them takes itself out (two-way analysis of variance). None where no loss has two runs with values.
    """
    several = [values for values in losses if len(values) > 1 and np.isfinite(values).all()]
    residuals = [values - values.mean() for values in several]
    df = sum(len(values) - 1 for values in several)
    if paired and several:
        by_seed = np.mean(residuals, axis=0)
        residuals = [values - by_seed for values in residuals]
        df -= len(by_seed) - 1
    return (float(sum((values**2).sum() for values in residuals) / df), float(df)) if df else None


def seed_interval(
    first: Floats, second: Floats, paired: bool, confidence: float = 0.95, known: Scatter | None = None
) -> SeedResult:
    """The difference of two losses' means, with what seeds alone can say about it.

    It holds for other seeds of the same two losses, evaluated on these very images; not for other images, another data
    set, schedule or other hyper-parameters. Bouthillier et al., MLSys 2021 (arXiv 2103.03098), call it the variance of
    the learning procedure. first, second, paired: as in `scatter`. known: the scatter, where it is estimated otherwise.
    """
    value = float(np.mean(second) - np.mean(first))
    found = known or scatter(first, second, paired)
    if found is None or not np.isfinite(value):
        return SeedResult(value, None, None, None)
    error = found.variance**0.5
    half = error * -float(special.stdtrit(found.df, (1 - confidence) / 2))
    p = 2 * float(special.stdtr(found.df, -abs(value) / error)) if error else float(value == 0)
    return SeedResult(value, Interval(value - half, value + half), p, found.df)
