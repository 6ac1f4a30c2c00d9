"""Confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def image_interval(value: float, resampled: NDArray[np.float64], confidence: float = 0.95) -> Interval | None:
    """The interval around `value` that its values in B image resamples give: float64 [B], NaN where not there.

    None with fewer than two resamples that have a value.
    """
    there = resampled[np.isfinite(resampled)]
    if len(there) < 2 or not np.isfinite(value):
        return None
    half = float(stats.norm.isf((1 - confidence) / 2) * there.std(ddof=1))
    return Interval(value - half, value + half)
