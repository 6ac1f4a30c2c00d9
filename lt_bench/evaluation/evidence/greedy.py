"""lvis-api's matching of detections and objects, at all IoU thresholds and in all area ranges at once.

It goes category by category and image by image. A detection, in falling order of score, takes the object with the
highest IoU that is still free, if that reaches the threshold: one that has to be found if there is any, else one that
is ignored. Of equal IoUs the later object is taken.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.outcomes import AREAS, THRESHOLDS, as_bits

Ints = NDArray[np.int64]
Bits = NDArray[np.uint16]

IOUS = np.minimum(np.linspace(0.5, 0.95, THRESHOLDS), 1 - 1e-10)  # lvis-api's thresholds


def match(ious: NDArray[np.float64], detections: Ints, objects: Ints, ignored: NDArray[np.bool_]) -> tuple[Bits, Bits]:
    """Which detections are matched to an object that has to be found, and which to an ignored one: uint16 [D, A] each,
    a bit for each IoU threshold.

    detections, objects: int64 [P], how many of each the pairs of a category and an image have. ious: float64, of every
    detection of a pair with every object of it: pair by pair, then detection by detection, in falling order of score.
    ignored: bool [G, A], of all objects, in the order of the pairs.
    """
    counted, uncounted = (np.zeros((detections.sum(), len(AREAS)), dtype=np.uint16) for _ in range(2))
    free = np.ones((len(ignored), THRESHOLDS, len(AREAS)), dtype=bool)
    candidates = np.flatnonzero(ious >= IOUS[0])
    row, column, turn = _places(candidates, detections, objects)
    order = np.lexsort((column, ious[candidates], row, turn))
    row, column, turn, iou = row[order], column[order], turn[order], ious[candidates[order]]
    # Pairs don't meet, so that the first detections of all pairs choose together, then the second ones, and so on.
    bounds = np.searchsorted(turn, np.arange(turn[-1] + 2 if len(turn) else 1))
    for start, end in pairwise(bounds.tolist()):
        own, objects_of = row[start:end], column[start:end]
        possible = free[objects_of] & (iou[start:end, None] >= IOUS)[:, :, None]
        # The later a candidate stands among those of its detection the better, and all the better if it counts.
        place = np.arange(1, len(own) + 1, dtype=np.int32)
        value = place[:, None] + np.where(ignored[objects_of], 0, np.int32(len(own)))
        first = np.flatnonzero(np.diff(own, prepend=-1))
        best = np.maximum.reduceat(np.where(possible, value[:, None], 0), first)
        hit, threshold, area = np.nonzero(best)
        free[objects_of[(best[hit, threshold, area] - 1) % len(own)], threshold, area] = False
        counted[own[first]] = as_bits(best > len(own))
        uncounted[own[first]] = as_bits((best > 0) & (best <= len(own)))
    return counted, uncounted


def _places(candidates: Ints, detections: Ints, objects: Ints) -> tuple[Ints, Ints, Ints]:
    """Of IoUs that are given by their indices: the detection, the object, and the how many-th detection of its pair it
    is among those that have any such IoU."""
    ends = np.cumsum(detections * objects)
    pair = np.searchsorted(ends, candidates, side="right")
    within = candidates - (ends - detections * objects)[pair]
    row = within // objects[pair] + (np.cumsum(detections) - detections)[pair]
    column = within % objects[pair] + (np.cumsum(objects) - objects)[pair]
    begins = np.diff(row, prepend=-1) != 0
    number = np.cumsum(begins) - 1  # of the detection among all that have candidates
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    turn = number - np.repeat(number[first], np.diff(np.append(first, len(pair))))
    return row, column, turn
