"""AP of every class in resamples of a small validation set, all classes at once.

The same numbers as lt_bench.evaluation.comparison.resampled_ap.class_ap to float32's precision, several times faster
where a class has a few dozen detections. A class may have at most 1,000 objects in a resample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.generator import THRESHOLDS
from lt_bench.evaluation.evidence.evidence import Evidence

Weights = NDArray[np.integer]
Singles = NDArray[np.float32]
COMPARED = ("AP", "APr", "APc", "APf", "AP50")
RECALLS = np.linspace(0, 1, 101)
STEPS = 512  # places between two recalls at which a recall is looked up; fewer than 1,024 objects are told apart


def _reached() -> Singles:
    """How many of RECALLS are reached by a recall of i / STEPS percent.

    Of recalls that are whole percents some are, as float64, below the value in RECALLS, and don't reach it.
    """
    percent = np.arange(101)
    counts = np.repeat(percent + 1, STEPS)
    counts[::STEPS] -= percent / 100 < RECALLS
    return counts.astype(np.float32)


REACHED = _reached()


def small_ap(evidence: Evidence, weights: Weights) -> NDArray[np.float64]:
    """float64 [2, B, K]: over all IoU thresholds, and at 0.50. weights: [B, I]. NaN where a class has no object.

    Inside, resamples are the last axis: what is summed and looked up are then whole rows.
    """
    classes = np.arange(len(evidence.frequency))
    drawn: Singles = np.ascontiguousarray(weights.T).astype(np.float32)
    objects = _running(drawn[evidence.object_image] * evidence.object_count[:, :1].astype(np.float32))
    bounds = np.searchsorted(evidence.object_category, np.arange(len(classes) + 1))
    objects = objects[bounds[1:]] - objects[bounds[:-1]]
    if objects.max() > 1000:
        raise ValueError("more than 1,000 objects of a class")
    scale = 100 * STEPS / np.maximum(objects, 1)

    drawn = drawn[evidence.image]
    all_before = _running(drawn)
    begin = np.searchsorted(evidence.category, classes)
    outcomes = evidence.outcomes["bbox"]
    found = np.zeros((THRESHOLDS, len(classes), len(weights)))
    for threshold in range(THRESHOLDS):
        hits, ignored = (np.flatnonzero(bits[:, 0] >> threshold & 1) for bits in (outcomes.correct, outcomes.ignored))
        if not len(hits):
            continue
        own = evidence.category[hits]
        first = np.flatnonzero(np.diff(own, prepend=-1))
        run = np.cumsum(np.diff(own, prepend=-1) > 0) - 1  # which class's run of hits, counted from 0
        correct = _running(drawn[hits])
        correct = correct[1:] - correct[first][run]
        counted = all_before[hits + 1]
        counted -= all_before[begin][own]
        if len(ignored):
            left_out = _running(drawn[ignored])
            left_out = left_out[np.searchsorted(ignored, hits)] - left_out[np.searchsorted(ignored, begin[own])]
            counted -= left_out
        apart = (2 * (len(classes) - own)).astype(np.float32)[:, None]  # keeps one class's maximum out of the next
        precision = correct / np.maximum(counted, 1, out=counted)
        precision += apart
        precision = np.maximum.accumulate(precision[::-1])[::-1] - apart
        correct *= scale[own]
        correct += 0.5
        recalls = REACHED[correct.astype(np.int32)]
        new = recalls.copy()
        new[1:] -= recalls[:-1]
        new[first] = recalls[first]
        new *= precision
        found[threshold][own[first]] = np.add.reduceat(new, first) / len(RECALLS)
    both = np.stack((found.mean(axis=0), found[0]))
    both[:, objects == 0] = np.nan
    return np.moveaxis(both, 1, 2)


def means(found: NDArray[np.float64], frequency: tuple[str, ...]) -> NDArray[np.float64]:
    """COMPARED in each resample, float64 [B, 5], from what small_ap returns; NaN where no class of a group is there."""
    groups = [np.array([own == letter for own in frequency]) for letter in "rcf"]
    return np.stack([_mean(part) for part in (found[0], *(found[0][:, group] for group in groups), found[1])], axis=1)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    there = np.isfinite(values)
    count = there.sum(axis=1)
    return np.where(count, np.where(there, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _running(values: Singles) -> Singles:
    """Sums of the first 0, 1, 2, ... rows."""
    sums = np.zeros((len(values) + 1, values.shape[1]), np.float32)
    np.cumsum(values, axis=0, out=sums[1:])
    return sums
