"""LVIS AP from evidence alone, equal to what was measured on annotations and predictions to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.ap.average_precision import APResult, class_ap, summarize
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.evidence.outcomes import AREAS, THRESHOLDS
from lt_bench.evaluation.terms import BoxOrMask

RECALLS = np.linspace(0.0, 1.0, 101)  # lvis-api's, not k / 100, which differ in the last bits


def precision_recall(evidence: Evidence, kind: BoxOrMask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision [T, R, K, A] and recall [T, K, A], -1 where no object has to be found.

    T: 10 IoU thresholds, R: 101 recalls, K: categories, A: the areas all, small, medium, large. Every sum and quotient
    is that of lvis-api's `accumulate`.
    """
    outcomes = evidence.outcomes[kind]
    classes = len(evidence.category_ids)
    precision = np.full((THRESHOLDS, len(RECALLS), classes, len(AREAS)), -1.0)
    recall = np.full((THRESHOLDS, classes, len(AREAS)), -1.0)
    wanted = np.zeros((classes, len(AREAS)), dtype=np.int64)
    np.add.at(wanted, evidence.object_category, evidence.object_count)
    bounds = np.searchsorted(evidence.category, np.arange(classes + 1))
    for category, area in np.argwhere(wanted):
        own = slice(bounds[category], bounds[category + 1])
        correct, ignored = outcomes.correct[own, area], outcomes.ignored[own, area]
        for threshold in range(THRESHOLDS):
            precision[threshold, :, category, area], recall[threshold, category, area] = _curve(
                _flags(correct, threshold), _flags(ignored, threshold), wanted[category, area]
            )
    return precision, recall


def evidence_metrics(evidence: Evidence, kind: BoxOrMask) -> tuple[dict[str, float], dict[int, float]]:
    """AP_NAMES -> value, and category id -> AP; in [0, 1], or -1 where no object has to be found."""
    precision, recall = precision_recall(evidence, kind)
    return summarize(precision, recall, evidence.frequency), class_ap(precision, evidence.category_ids.tolist())


def gives(evidence: Evidence, kind: BoxOrMask, measured: APResult) -> bool:
    """Whether evidence gives what was measured, to the last bit."""
    precision, recall = precision_recall(evidence, kind)
    metrics = summarize(precision, recall, evidence.frequency)
    return np.array_equal(precision, measured.precision) and metrics == measured.metrics


def _flags(bits: NDArray[np.uint16], threshold: int) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = (bits & np.uint16(1 << threshold)) != 0
    return flags


def _curve(correct: NDArray[np.bool_], ignored: NDArray[np.bool_], wanted: int) -> tuple[NDArray[np.float64], float]:
    """Precision [R] and the highest recall of detections in falling order of score.

    What is ignored can be left out: it adds to no sum, so at its place stand the recall and the precision that stand
    before it. Precision rises only where a detection is correct, so its maximum to the right of a recall is that over
    correct detections, and those are the first ones to reach a recall.
    """
    hits = np.flatnonzero(correct[~ignored])
    precision = np.zeros(len(RECALLS))
    if not len(hits):
        return precision, 0.0
    found = np.arange(1, len(hits) + 1, dtype=np.float64)
    wrong = hits + 1 - found
    best = np.maximum.accumulate((found / (wrong + found + np.spacing(1)))[::-1])[::-1]
    recall = found / wanted
    place = np.searchsorted(recall, RECALLS)
    reached = place < len(hits)
    precision[reached] = best[place[reached]]
    return precision, float(recall[-1])
