"""How many seeds it takes to resolve a difference, and what difference a number of seeds resolves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from lt_bench.evaluation.comparison.total import half_width

MOST_SEEDS = 1000  # more than that is no plan

Floats = NDArray[np.float64]


def power_of(
    difference: float,
    deviation: float,
    n: int,
    paired: bool,
    image_deviation: float = 0.0,
    level: float = 0.05,
    pooled: int | None = None,
) -> float:
    """Probability that n seeds a loss show `difference` as significant in the total interval.

    deviation: standard deviation between the runs of a loss; with pairs, between the differences of pairs
    (Difference.seed_deviation). image_deviation: the images' part of the standard error, which more seeds don't shrink
    (Difference.image_deviation); with 0, it is the power of the two-sided t-test, paired or Welch's. level: of the
    test; for one of several pairs `first_step`. pooled: from how many losses, with n seeds each, the variance between
    seeds is estimated; None: from these two alone. 0 with n < 2.

    Take it as a rough plan: three runs tell their own standard deviation only within a factor of about 0.5 to 6.
    """
    return _Test(deviation, n, paired, image_deviation, level, pooled).power(difference) if n > 1 else 0.0


def first_step(level: float, tested: int) -> float:
    """The level at which Holm's correction tests the smallest p of so many pairs, and so surely enough for each."""
    return level / max(tested, 1)


def seeds_needed(
    difference: float,
    deviation: float,
    paired: bool,
    image_deviation: float = 0.0,
    power: float = 0.8,
    level: float = 0.05,
    pooled: int | None = None,
) -> int | None:
    """The fewest seeds a loss that show `difference` with this power. Arguments as in `power_of`.

    None where MOST_SEEDS are too few: the difference is zero, or too small for these validation images, however many
    seeds there are (see `image_floor`).
    """

    def is_enough(n: int) -> bool:
        return power_of(difference, deviation, n, paired, image_deviation, level, pooled) >= power

    if not is_enough(MOST_SEEDS):
        return None
    low, high = 1, MOST_SEEDS  # not enough, enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def resolvable(
    n: int,
    deviation: float,
    paired: bool,
    image_deviation: float = 0.0,
    power: float = 0.8,
    level: float = 0.05,
    pooled: int | None = None,
) -> float | None:
    """The smallest difference that n seeds a loss show with this power. Arguments as in `power_of`.

    None with fewer than two seeds.
    """
    if n < 2:
        return None
    test = _Test(deviation, n, paired, image_deviation, level, pooled)
    if not test.error:
        return 0.0
    high = test.error
    while test.power(high) < power:
        high *= 2
    return float(optimize.brentq(lambda size: test.power(size) - power, 0, high, xtol=test.error * 1e-6))


def image_floor(image_deviation: float, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest difference that any number of seeds shows: only more validation images resolve smaller ones."""
    return float(image_deviation * (stats.norm.isf(level / 2) + stats.norm.ppf(power)))


class _Test:
    """The test that the total interval is, before its runs are there.

    error: true standard error. halves: half the widths that the interval may have, all of them equally probable; it
    depends on what variance the runs happen to show, and that is chi-squared. The difference found is independent of
    it, so the power is a mean over them. (Without images and with pairs, the noncentral t distribution's.) Where images
    act mostly on single runs, `total_interval` may be wider than this: it allows for their whole variance.
    """

    def __init__(
        self, deviation: float, n: int, paired: bool, image_deviation: float, level: float, pooled: int | None
    ) -> None:
        images = image_deviation**2
        of_seeds = deviation**2 * (1 if paired else 2) / n
        self.error = (of_seeds + images) ** 0.5
        if paired or pooled is not None:
            df = (n - 1) * (1 if pooled is None else pooled - paired)  # as in pooled_variance
            self.halves = half_width(of_seeds * _equally_probable(df, 1000), np.float64(df), images, level)
        else:  # Welch's variance and degrees of freedom
            shown = deviation**2 / n * _equally_probable(n - 1, 60)
            first, second = np.meshgrid(shown, shown)
            variance = first + second
            df_shown = (n - 1) * variance**2 / np.maximum(first**2 + second**2, np.finfo(float).tiny)
            self.halves = half_width(variance, np.maximum(df_shown, n - 1), images, level)

    def power(self, difference: float) -> float:
        if not self.error:
            return float(difference != 0)
        shift, halves = abs(difference) / self.error, self.halves / self.error
        return float(np.mean(stats.norm.sf(halves - shift) + stats.norm.cdf(-halves - shift)))


def _equally_probable(df: int, points: int) -> Floats:
    """Estimates of a variance of 1 with `df` degrees of freedom: float64 [points]."""
    drawn: Floats = stats.chi2.ppf((np.arange(points) + 0.5) / points, df) / df
    return drawn
