"""LVIS AP of one class where every image has a weight: how often it stands in a resampled data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.class_rows import THRESHOLDS, ClassRows

RECALLS = np.linspace(0.0, 1.0, 101)


def weighted_ap(rows: ClassRows, weights: NDArray[np.integer], objects: NDArray[np.int64]) -> NDArray[np.float64]:
    """AP at each IoU threshold: float64 [T, B], of `weights` [sources, B] and `objects` to find [B]; NaN without."""
    seen = weights[rows.source]
    found = np.full((THRESHOLDS, seen.shape[1]), np.nan)
    for threshold in range(THRESHOLDS):
        correct = (rows.correct >> threshold & 1).astype(bool)
        counts = ~(rows.ignored >> threshold & 1).astype(bool)
        tp = np.cumsum(seen * correct[:, None], axis=0)
        total = np.cumsum(seen * counts[:, None], axis=0)
        precision = tp / (total + np.spacing(1))
        precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        for index in np.flatnonzero(objects):
            at = np.searchsorted(tp[:, index] / objects[index], RECALLS)
            reached = at[at < len(tp)]
            found[threshold, index] = precision[reached, index].sum() / len(RECALLS)
    return found
