"""How many seeds it takes to resolve a difference, and what difference a number of seeds resolves."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

MOST_SEEDS = 1000  # more than that is no plan


def power_of(
    difference: float, deviation: float, n: int, paired: bool, image_deviation: float = 0.0, level: float = 0.05
) -> float:
    """Probability that n seeds a loss show `difference` as significant, two-sided.

    deviation: standard deviation between the runs of a loss; with pairs, between the differences of pairs.
    image_deviation: the images' part of the standard error, which more seeds don't shrink (Difference.image_deviation).
    Without images: exactly that of the t-test, by the noncentral t distribution. 0 with fewer than two seeds.
    """
    if n < 2:
        return 0.0
    seeds = deviation**2 / n * (1 if paired else 2)
    images = image_deviation**2
    error = (seeds + images) ** 0.5
    if not error:
        return float(difference != 0)
    df = float(n - 1 if paired else 2 * (n - 1))
    critical = (seeds * stats.t.isf(level / 2, df) + images * stats.norm.isf(level / 2)) / error**2
    # The error's estimate scatters with the seeds' part of it only: Satterthwaite's degrees of freedom.
    df = df * (error**2 / seeds) ** 2 if seeds else float("inf")
    shift = abs(difference) / error
    if df > 1e6:
        return float(stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift))
    wrong_side = np.nan_to_num(stats.nct.cdf(-critical, df, shift))  # scipy gives NaN for some that are nearly 0
    return float(stats.nct.sf(critical, df, shift) + wrong_side)


def seeds_needed(
    difference: float,
    deviation: float,
    paired: bool,
    image_deviation: float = 0.0,
    power: float = 0.8,
    level: float = 0.05,
) -> int | None:
    """The fewest seeds a loss that show `difference` with this power. Arguments as in `power_of`.

    None where MOST_SEEDS are too few: the difference is zero, or too small for these validation images, however many
    seeds there are.
    """
    if not _enough(difference, deviation, MOST_SEEDS, paired, image_deviation, power, level):
        return None
    low, high = 1, MOST_SEEDS  # not enough, enough
    while high - low > 1:
        middle = (low + high) // 2
        if _enough(difference, deviation, middle, paired, image_deviation, power, level):
            high = middle
        else:
            low = middle
    return high


def resolvable(
    n: int,
    deviation: float,
    paired: bool,
    image_deviation: float = 0.0,
    power: float = 0.8,
    level: float = 0.05,
) -> float | None:
    """The smallest difference that n seeds a loss show with this power. None with fewer than two seeds.

    Whatever n, it stays above 2.8 times `image_deviation` (80 % power at 5 %): only more validation images help there.
    """
    if n < 2:
        return None
    scale = (deviation**2 * (1 if paired else 2) / n + image_deviation**2) ** 0.5
    if not scale:
        return 0.0
    high = scale
    while not _enough(high, deviation, n, paired, image_deviation, power, level):
        high *= 2
    return float(
        optimize.brentq(
            lambda size: power_of(size, deviation, n, paired, image_deviation, level) - power,
            0,
            high,
            xtol=scale * 1e-6,
        )
    )


def _enough(
    difference: float, deviation: float, n: int, paired: bool, image_deviation: float, wanted: float, level: float
) -> bool:
    return power_of(difference, deviation, n, paired, image_deviation, level) >= wanted
