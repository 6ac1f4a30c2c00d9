"""LVIS AP of one class where every image has a weight: how often it stands in a resampled data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lt_bench.evaluation.comparison.class_rows import THRESHOLDS
from lt_bench.evaluation.comparison.running import accumulate
from lt_bench.evaluation.comparison.true_positives import AtThreshold, TruePositives

RECALLS = np.linspace(0.0, 1.0, 101)  # lvis-api's numbers: a few lie one bit above i / 100
LATE = RECALLS > np.arange(101) / 100
SPACING = np.spacing(1)
ROWS = 2048  # that are summed up at once


class Workspace:
    """Memory that is used again: fresh memory costs more than what is computed in it. One for each thread."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def array(self, name: str, rows: int, columns: int, kind: DTypeLike) -> NDArray[Any]:
        """An array [rows, columns] that holds anything."""
        kept = self._kept.get(name)
        if kept is None or kept.size < rows * columns:
            kept = self._kept[name] = np.empty(rows * columns, kind)
        return kept[: rows * columns].reshape(rows, columns)


def weighted_ap(
    positives: TruePositives,
    weights: NDArray[np.int32],
    pieces: int,
    piece: int,
    objects: NDArray[np.int64],
    space: Workspace,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AP over all IoU thresholds and at the lowest: float64 [B] each, in B resamples with `objects` [B] to find.

    weights: int32 [sources * pieces, B], C-contiguous. Its row `pieces * s + piece` holds the weights of source s.
    """
    total, lowest = np.zeros(len(objects)), np.zeros(len(objects))
    if not positives.thresholds:
        return total, lowest
    seen = _seen(positives, weights, pieces, piece, space)
    sources = positives.source[positives.at] * pieces + piece
    for threshold in positives.thresholds:
        ignored = None
        if len(threshold.ignored):
            ignored = _taken(weights, threshold.ignored * pieces + piece, "ignored", space)
            accumulate(np.add, ignored)
        hits = _taken(weights, sources[threshold.hits], "hits", space)
        accumulate(np.add, hits)
        found = _ap(hits, _total(seen, threshold, ignored, space), objects, space)
        total += found * threshold.times
        if threshold.lowest:
            lowest += found
    return total / THRESHOLDS, lowest


def _taken(weights: NDArray[np.int32], rows: NDArray[np.intp], name: str, space: Workspace) -> NDArray[np.int32]:
    out = space.array(name, len(rows), weights.shape[1], np.int32)
    return weights.take(rows, axis=0, out=out, mode="clip")  # "raise", the default, would copy once more


def _seen(
    positives: TruePositives, weights: NDArray[np.int32], pieces: int, piece: int, space: Workspace
) -> NDArray[np.float64]:
    """How many detections that count at some threshold stand up to each true positive: float64 [m, B]."""
    found = space.array("seen", len(positives.at), weights.shape[1], np.float64)
    before = np.zeros(weights.shape[1], np.int32)
    rows = positives.source * pieces + piece
    for start in range(0, len(rows), ROWS):
        part = _taken(weights, rows[start : start + ROWS], "rows", space)
        part[0] += before
        accumulate(np.add, part)
        before = part[-1].copy()
        first, last = np.searchsorted(positives.at, (start, start + ROWS))
        found[first:last] = part[positives.at[first:last] - start]
    return found


def _total(
    seen: NDArray[np.float64], threshold: AtThreshold, ignored: NDArray[np.int32] | None, space: Workspace
) -> NDArray[np.float64]:
    """True and false positives up to each true positive of a threshold."""
    out = space.array("total", len(threshold.hits), seen.shape[1], np.float64)
    total = seen.take(threshold.hits, axis=0, out=out, mode="clip")
    if ignored is not None:
        after = np.flatnonzero(threshold.before)
        total[after] -= ignored[threshold.before[after] - 1]
    return total


def _ap(
    tp: NDArray[np.int32], total: NDArray[np.float64], objects: NDArray[np.int64], space: Workspace
) -> NDArray[np.float64]:
    """AP [B] from true positives and all detections up to each true positive, both [m, B]; `total` is overwritten."""
    precision = total
    total += SPACING
    np.divide(tp, total, out=precision)
    accumulate(np.maximum, precision[::-1])
    reached = _reached(tp, np.maximum(objects, 1), space)
    new = space.array("new", *tp.shape, np.int32)
    new[0] = reached[0]
    np.subtract(reached[1:], reached[:-1], out=new[1:])
    found: NDArray[np.float64] = np.einsum("jb,jb->b", precision, new)
    return found / len(RECALLS)


def _reached(tp: NDArray[np.int32], objects: NDArray[np.int64], space: Workspace) -> NDArray[np.int32]:
    """How many of RECALLS are at most the float64 quotient tp / objects: int32 [m, B]."""
    scaled = space.array("scaled", *tp.shape, np.float64)
    reached = space.array("reached", *tp.shape, np.int32)
    np.multiply(tp, (100 + 1e-10) / objects, out=scaled)
    np.copyto(reached, scaled, casting="unsafe")
    late = np.flatnonzero(objects % 10 == 0)
    if len(late):
        some, whole = reached[:, late], objects[late]
        reached[:, late] -= LATE.take(some, mode="clip") & (some * whole == 100 * tp[:, late].astype(np.int64))
    np.minimum(reached, 100, out=reached)
    reached += 1
    return reached
