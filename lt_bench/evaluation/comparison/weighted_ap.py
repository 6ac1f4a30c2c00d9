"""LVIS AP of one class where every image has a weight: how often it stands in a resampled data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lt_bench.evaluation.comparison.class_rows import THRESHOLDS
from lt_bench.evaluation.comparison.running import accumulate
from lt_bench.evaluation.comparison.true_positives import Indices, TruePositives

RECALLS = np.linspace(0.0, 1.0, 101)  # lvis-api's numbers
LATE = np.arange(101) / 100 < RECALLS  # 0.35 for one: the next float64 after 35 / 100, which does not reach it
SPACING = np.spacing(1)
ROWS = 2048  # that are summed up at once
FLOAT32_BELOW = 10_000  # objects, below which float32 tells how many recalls are reached
Counts = NDArray[np.floating]  # whole numbers, and few enough to be exact


class Workspace:
    """Memory that is used again: fresh memory costs more than what is computed in it. One for each thread."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def array(self, name: str, rows: int, columns: int, kind: DTypeLike) -> NDArray[Any]:
        """An array [rows, columns] that holds anything. It is gone when the next of that name is asked for."""
        kept = self._kept.get(name)
        if kept is None or kept.size < rows * columns or kept.dtype != kind:
            kept = self._kept[name] = np.empty(rows * columns, kind)
        return kept[: rows * columns].reshape(rows, columns)

    def take(self, name: str, values: NDArray[Any], rows: Indices) -> NDArray[Any]:
        """values[rows], where all `rows` are there: numpy would check each of them, and copy once more for it."""
        out = self.array(name, len(rows), values.shape[1], values.dtype)
        return values.take(rows, axis=0, out=out, mode="clip")


def weighted_ap(
    positives: TruePositives, weights: Counts, pieces: int, piece: int, objects: NDArray[np.int64], space: Workspace
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AP over all IoU thresholds and at the lowest: float64 [B] each, in B resamples with `objects` [B] to find.

    weights: [sources * pieces, B], C-contiguous. Its row `pieces * s + piece` holds the weights of source s.
    """
    everywhere, lowest = np.zeros(len(objects)), np.zeros(len(objects))
    if not positives.thresholds:
        return everywhere, lowest
    seen = _seen(positives, weights, pieces, piece, space)
    sources = positives.source[positives.at] * pieces + piece
    for threshold in positives.thresholds:
        hits = space.take("hits", weights, sources[threshold.hits])
        accumulate(np.add, hits)
        tp = space.take("tp", hits, threshold.ends)
        total = space.take("total", seen, threshold.hits[threshold.ends])
        if len(threshold.ignored):
            ignored = space.take("ignored", weights, threshold.ignored * pieces + piece)
            accumulate(np.add, ignored)
            after = np.flatnonzero(threshold.before)
            total[after] -= ignored[threshold.before[after] - 1]
        found = _ap(tp, total, objects, space)
        everywhere += found * threshold.times
        if threshold.lowest:
            lowest += found
    return everywhere / THRESHOLDS, lowest


def _seen(positives: TruePositives, weights: Counts, pieces: int, piece: int, space: Workspace) -> NDArray[np.float64]:
    """How many detections that count at some threshold stand up to each true positive: float64 [m, B]."""
    found = space.array("seen", len(positives.at), weights.shape[1], np.float64)
    before = np.zeros(weights.shape[1], weights.dtype)
    rows = positives.source * pieces + piece
    for start in range(0, len(rows), ROWS):
        part = space.take("rows", weights, rows[start : start + ROWS])
        part[0] += before
        accumulate(np.add, part)
        before = part[-1].copy()
        first, last = np.searchsorted(positives.at, (start, start + ROWS))
        found[first:last] = space.take("some", part, positives.at[first:last] - start)
    return found


def _ap(tp: Counts, total: NDArray[np.float64], objects: NDArray[np.int64], space: Workspace) -> NDArray[np.float64]:
    """AP [B] from the true positives and all detections up to each of e true positives, both [e, B].

    `total` is overwritten."""
    total += SPACING
    precision = np.divide(tp, total, out=total)
    accumulate(np.maximum, precision[::-1])
    reached = _reached(tp, np.maximum(objects, 1), space)
    new = space.array("new", len(tp), tp.shape[1], reached.dtype)
    new[0] = reached[0] + 1  # recall 0
    np.subtract(reached[1:], reached[:-1], out=new[1:])
    found: NDArray[np.float64] = np.einsum("jb,jb->b", precision, new)
    return found / len(RECALLS)


def _reached(tp: Counts, objects: NDArray[np.int64], space: Workspace) -> NDArray[np.floating]:
    """How many of RECALLS above 0 are at most the float64 quotient tp / objects: whole numbers [e, B].

    100 tp / objects is whole, or at least 1 / objects away from a whole number. `scale` lifts it by up to 4e-5, more
    than float32 loses (float64: 1e-10), so that rounding down gives the number of i with i / 100 <= tp / objects. That
    is the answer, but for the recalls in LATE where they are met exactly, which takes 10 or a multiple of it.
    """
    few = objects.max() < FLOAT32_BELOW
    kind, lift = (np.float32, 4e-7) if few else (np.float64, 1e-12)
    scale = (100 / objects * (1 + lift)).astype(kind)
    reached = space.array("reached", len(tp), tp.shape[1], kind)
    np.multiply(tp, scale, out=reached, casting="same_kind")
    np.floor(reached, out=reached)
    tens = np.flatnonzero(objects % 10 == 0)
    if len(tens):
        found = reached.take(tens, axis=1).astype(np.int64)
        met = np.nonzero(found * objects[tens] == 100 * tp.take(tens, axis=1).astype(np.int64))
        reached[met[0], tens[met[1]]] -= LATE.take(found[met], mode="clip")
    if reached[-1].max() > 100:  # more true positives than objects, which no evaluation gives
        np.minimum(reached, 100, out=reached)
    return reached
