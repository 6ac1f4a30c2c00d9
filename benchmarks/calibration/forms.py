"""Forms that an interval of a bootstrap can have: float64 [R, M] for R repetitions, of one quantity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.calibration.generator import Floats
from lt_bench.evaluation.comparison.intervals import widenings

CHOSEN = "normal, widened"  # what lt_bench.evaluation.comparison.intervals does
NORMAL = float(stats.norm.isf(0.025))


def limits(value: Floats, deviation: Floats, quantile: Floats, factor: Floats, df: Floats) -> dict[str, Floats]:
    """Lower and upper limits [2, R, M] by form.

    value, deviation [R, M], quantile [R, M, 2]: of a Repetition. factor, df [R, M]: of `widenings`, and degrees of
    freedom.
    """
    low, high = np.moveaxis(quantile, -1, 0)
    student = stats.t.isf(0.025, np.maximum(df, 1))
    return {
        "percentile": np.stack((low, high)),
        "basic": np.stack((2 * value - high, 2 * value - low)),
        "normal": _around(value, NORMAL * deviation),
        "t": _around(value, student * deviation),
        "percentile, widened": np.stack((value - factor * (value - low), value + factor * (high - value))),
        CHOSEN: _around(value, NORMAL * factor * deviation),
        "t, widened": _around(value, student * factor * deviation),
    }


def factors(images: NDArray[np.int64], frequency: tuple[str, ...]) -> Floats:
    """`widenings` of each repetition, [R, M]; images [R, K]."""
    return np.stack([widenings(row, frequency) for row in images])


def degrees_of_freedom(images: NDArray[np.int64], groups: Mapping[str, NDArray[np.bool_]]) -> Floats:
    """Welch and Satterthwaite's, of a mean over classes of means over images: [R, groups]; images [R, K]."""
    found = []
    for group in groups.values():
        there = np.where(images[:, group] > 0, images[:, group], np.inf)
        squares = (1 / there**2 / np.maximum(1, there - 1)).sum(axis=1)
        found.append((1 / there).sum(axis=1) ** 2 / np.where(squares > 0, squares, 1))  # 0 where no class is there
    return np.stack(found, axis=1)


def _around(value: Floats, half: Floats) -> Floats:
    return np.stack((value - half, value + half))
