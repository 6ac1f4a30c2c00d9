"""LVIS AP in resampled data sets, recomputed exactly from a run's evidence."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.class_rows import ClassRows, class_rows, objects_to_find
from lt_bench.evaluation.comparison.true_positives import true_positives
from lt_bench.evaluation.comparison.weighted_ap import Workspace, weighted_ap
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.utils.frequency import FREQUENCIES

COMPARED = ("AP", "APr", "APc", "APf", "AP50")
PIECES = 16  # that the resamples are divided into at most, so that what is computed at once stays in the cache
ELEMENTS = 1 << 18  # of an array that is computed at once


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
    count = len(weights)
    padded = -(-count // PIECES) * PIECES
    columns = np.zeros((weights.shape[1], padded), dtype=_exact_kind(rows, weights))
    columns[:, :count] = weights.T
    to_find = np.zeros((len(rows), padded), dtype=np.int64)
    to_find[:, :count] = objects.T
    found = np.full((2, padded, len(rows)), np.nan)
    spaces = threading.local()

    def one(index: int) -> None:
        if not hasattr(spaces, "own"):
            spaces.own = Workspace()
        positives = true_positives(rows[index])
        pieces = _pieces(len(positives.at), padded)
        width = padded // pieces
        for piece in range(pieces):
            part = slice(piece * width, (piece + 1) * width)
            found[:, part, index] = weighted_ap(
                positives, columns.reshape(-1, width), pieces, piece, to_find[index, part], spaces.own
            )
        found[:, to_find[index] == 0, index] = np.nan

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, sorted(range(len(rows)), key=lambda index: -len(rows[index].source))))  # the longest first
    return ClassAP(found[0, :count], found[1, :count], frequency)


def _exact_kind(rows: Sequence[ClassRows], weights: NDArray[np.integer]) -> type[np.float32 | np.float64]:
    """The smaller float that counts the detections of any class exactly."""
    most = max((len(own.source) for own in rows), default=0) * int(weights.max(initial=0))
    return np.float32 if most < 1 << 24 else np.float64


def _pieces(hits: int, resamples: int) -> int:
    pieces = 1
    while pieces < PIECES and hits * resamples > ELEMENTS * pieces:
        pieces *= 2
    return pieces


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN, as it should be
        return np.nanmean(values, axis=1) if values.shape[1] else np.full(len(values), np.nan)
