"""The plain way to AP in a resample: every class and IoU threshold by itself, in lvis-api's words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask

RECALLS = np.linspace(0.0, 1.0, 101)
THRESHOLDS = 10


def plain_ap(evidence: Evidence, kind: BoxOrMask, weights: NDArray[np.integer]) -> float:
    """AP in one resample, in which image i stands weights[i] times; NaN where it has no objects."""
    classes = range(len(evidence.category_ids))
    counts = weights[evidence.object_image] * evidence.object_count[:, 0]
    objects = np.bincount(evidence.object_category, counts, len(classes))
    bounds = np.searchsorted(evidence.category, np.arange(len(classes) + 1))
    outcomes = evidence.outcomes[kind]
    times = weights[evidence.image]
    found = []
    for index in classes:
        own = slice(bounds[index], bounds[index + 1])
        if objects[index]:
            bits = outcomes.correct[own, 0], outcomes.ignored[own, 0]
            found.append(_class_ap(*bits, times[own], objects[index]))
    return float(np.mean(found)) if found else float("nan")


def _class_ap(
    correct: NDArray[np.uint16], ignored: NDArray[np.uint16], times: NDArray[np.integer], objects: float
) -> float:
    total = 0.0
    for threshold in range(THRESHOLDS):
        tp = np.cumsum(times * (correct >> threshold & 1)).astype(float)
        fp = np.cumsum(times * (~(correct | ignored) >> threshold & 1)).astype(float)
        precision = np.maximum.accumulate((tp / (fp + tp + np.spacing(1)))[::-1])[::-1]
        reached = np.searchsorted(tp / objects, RECALLS)
        total += float(precision[reached[reached < len(tp)]].sum())
    return total / len(RECALLS) / THRESHOLDS
