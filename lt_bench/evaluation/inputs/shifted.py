"""Whether detections would fit the objects if their categories were the next ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.inputs.ground_truth import GroundTruth

FEWEST = 10  # objects that a detection lies on
TIGHT = 0.7  # IoU
CLEARLY = 4  # times as many as fit as they are
PAIRS = 1 << 22  # of a detection and an object that are looked at


def shift_of_categories(
    truth: GroundTruth, image: NDArray[np.int32], category: NDArray[np.int32], box: NDArray[np.float64]
) -> Iterator[str]:
    """A sentence if more than half of the objects that a box lies on tightly have the category after, or before, that
    of a box on them, and few have its own. image, category: int32 [N], indices; box: float64 [N, 4].
    """
    looked_at, fits = 0, {-1: 0, 0: 0, 1: 0}
    for objects, found in _tight(truth, image, category, box):
        looked_at += 1
        for shift in fits:
            fits[shift] += objects - shift in found
    shift = max((-1, 1), key=fits.__getitem__)
    if looked_at >= FEWEST and 2 * fits[shift] > looked_at and fits[shift] >= CLEARLY * fits[0]:
        side, first = ("before", "from-0") if shift > 0 else ("after", "from-1")
        yield (
            f"of {looked_at:,} objects with a box right on them, {fits[0]:,} have one of their category, and "
            f"{fits[shift]:,} one of the category {side} theirs: the category ids look shifted by one. Write those of "
            f"the annotations, or give --category-ids {first} if they are places, counted from {first[-1]}"
        )


def _tight(
    truth: GroundTruth, image: NDArray[np.int32], category: NDArray[np.int32], box: NDArray[np.float64]
) -> Iterator[tuple[int, set[int]]]:
    """For each object with boxes right on it: its category, and theirs."""
    order = np.argsort(image, kind="stable")
    starts = np.flatnonzero(np.diff(image[order], prepend=-1))
    by_image = np.argsort(truth.objects.image, kind="stable")
    first = np.searchsorted(truth.objects.image[by_image], np.arange(len(truth.image_ids) + 1))
    pairs = 0
    for rows in np.split(order, starts[1:]):
        if not len(rows):
            return
        objects = by_image[first[image[rows[0]]] : first[image[rows[0]] + 1]]
        pairs += len(rows) * len(objects)
        if pairs > PAIRS:
            return
        tight = _iou(truth.objects.box[objects], box[rows]) >= TIGHT
        for row in np.flatnonzero(tight.any(axis=1)):
            yield int(truth.objects.category[objects[row]]), set(category[rows[tight[row]]].tolist())


def _iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N, M] of boxes [N, 4] and [M, 4], x, y, width, height."""
    with np.errstate(all="ignore"):
        start = np.maximum(one[:, None, :2], other[None, :, :2])
        end = np.minimum((one[:, :2] + one[:, 2:])[:, None], (other[:, :2] + other[:, 2:])[None])
        overlap = np.clip(end - start, 0, None).prod(axis=2)
        union = one[:, 2:].prod(axis=1)[:, None] + other[:, 2:].prod(axis=1)[None] - overlap
        iou: NDArray[np.float64] = np.nan_to_num(overlap / union)
    return iou
