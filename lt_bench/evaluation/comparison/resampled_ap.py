"""LVIS AP in resampled data sets, recomputed exactly from a run's evidence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.class_rows import ClassRows, class_rows, objects_to_find
from lt_bench.evaluation.comparison.weighted_ap import weighted_ap
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.utils.frequency import FREQUENCIES

COMPARED = ("AP", "APr", "APc", "APf", "AP50")


@dataclass(frozen=True, eq=False)
class ClassAP:
    """AP of each of K classes in each of B resamples.

    ap, ap50: float64 [B, K], over all IoU thresholds and at IoU 0.50; NaN where a resample has no object of the class.
    frequency: "r", "c" or "f" of each class.
    """

    ap: NDArray[np.float64]
    ap50: NDArray[np.float64]
    frequency: tuple[str, ...]

    def metrics(self) -> NDArray[np.float64]:
        """COMPARED in each resample: float64 [B, M]. Means over the classes that are there; NaN if none is."""
        groups = [np.array([own == name for own in self.frequency], dtype=bool) for name in FREQUENCIES]
        parts = (self.ap, *(self.ap[:, group] for group in groups), self.ap50)
        return np.stack([_mean(part) for part in parts], axis=1)


def class_ap(evidence: Evidence, kind: BoxOrMask, weights: NDArray[np.integer], threads: int = 2) -> ClassAP:
    """AP of every class in resamples: weights [B, I] says how often image i stands in resample b.

    It is what lvis-api gives for a data set in which image i stands weights[b, i] times under new ids, copies next to
    each other in the order of the ids. One thing differs: of detections of one image and class with exactly the same
    score, lvis-api goes through all once for each copy, and here all copies of one stand before all copies of the
    next. Raises UserError when the evidence has no such `kind`, or `weights` don't fit its images.
    """
    if weights.ndim != 2 or weights.shape[1] != len(evidence.image_ids) or (weights < 0).any():
        raise UserError(
            f"weights of shape {weights.shape} for {len(evidence.image_ids)} images",
            "Give one row a resample and one column an image, none negative.",
        )
    rows = class_rows(evidence, kind)
    return resample(rows, weights, objects_to_find(evidence, weights), evidence.frequency, threads)


def resample(
    rows: Sequence[ClassRows],
    weights: NDArray[np.integer],
    objects: NDArray[np.int64],
    frequency: tuple[str, ...],
    threads: int,
) -> ClassAP:
    """AP of classes given by their `rows` and how many `objects` [B, K] there are to find; weights [B, sources]."""
    columns = np.ascontiguousarray(weights.T)
    found = np.full((2, len(weights), len(rows)), np.nan)

    def one(index: int) -> None:
        by_threshold = weighted_ap(rows[index], columns, objects[:, index])
        found[:, :, index] = by_threshold.mean(axis=0), by_threshold[0]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(len(rows))))
    return ClassAP(found[0], found[1], frequency)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as it should be
        return np.nanmean(values, axis=1) if values.shape[1] else np.full(len(values), np.nan)
