"""How sure a difference of two losses is, as far as seeds go: Student's t for paired runs, Welch's for others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lt_bench.evaluation.comparison.intervals import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scatter:
    """How far a difference of means scatters with the seeds.

    variance: of the difference of the means, in squared units of the values. df: degrees of freedom it is known with.
    deviation: of a single run; with pairs, of a single difference. Without pairs, the root mean square of both sides'.
    """

    variance: float
    df: float
    deviation: float


@dataclass(frozen=True)
class SeedResult:
    """value: mean of the second minus mean of the first. interval, p (two-sided), df: None where a side has one run."""

    value: float
    interval: Interval | None
    p: float | None
    df: float | None


def scatter(first: Floats, second: Floats, paired: bool) -> Scatter | None:
    """first, second: float64 [S1], [S2], one value a run; paired ones are of the same length and in the same order.

    Unpaired: Welch's variance and degrees of freedom (Biometrika 34, 1947). None where a side has one run.
    """
    if min(len(first), len(second)) < 2:
        return None
    if paired:
        spread = float(np.var(second - first, ddof=1))
        return Scatter(spread / len(first), len(first) - 1, spread**0.5)
    both = [float(np.var(side, ddof=1)) for side in (first, second)]
    means = [spread / len(side) for spread, side in zip(both, (first, second), strict=True)]
    weights = sum(mean**2 / (len(side) - 1) for mean, side in zip(means, (first, second), strict=True))
    df = sum(means) ** 2 / weights if weights else float(len(first) + len(second) - 2)
    return Scatter(sum(means), df, (sum(both) / 2) ** 0.5)


def seed_interval(first: Floats, second: Floats, paired: bool, confidence: float = 0.95) -> SeedResult:
    """The difference of two losses' means, with what seeds alone can say about it.

    It holds for other seeds of the same two losses, evaluated on these very images; not for other images, another data
    set, schedule or other hyper-parameters. Bouthillier et al., MLSys 2021 (arXiv 2103.03098), call it the variance of
    the learning procedure. first, second, paired: as in `scatter`.
    """
    value = float(np.mean(second) - np.mean(first))
    found = scatter(first, second, paired)
    if found is None or not np.isfinite(value):
        return SeedResult(value, None, None, None)
    error = found.variance**0.5
    half = float(stats.t.isf((1 - confidence) / 2, found.df)) * error
    p = float(2 * stats.t.sf(abs(value) / error, found.df)) if error else float(value == 0)
    return SeedResult(value, Interval(value - half, value + half), p, found.df)
