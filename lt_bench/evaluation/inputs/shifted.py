"""Whether detections would fit the objects if their categories, or their images, were the next ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.box_forms import iou
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.inputs.overlaps import by_image

FEWEST = 10  # objects that a detection lies on
TIGHT = 0.7  # IoU
CLEARLY = 4  # times as many as fit as they are


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


def shift_of_images(
    truth: GroundTruth, image: NDArray[np.int32], category: NDArray[np.int32], box: NDArray[np.float64]
) -> Iterator[str]:
    """A sentence if boxes lie on the objects of the image after, or before, theirs, and hardly on those of their own.
    image, category: int32 [N], indices; box: float64 [N, 4].
    """
    fits = {shift: 0 for shift in (-1, 0, 1)}
    for shift in fits:
        place = image + np.int32(shift)
        known = (place >= 0) & (place < len(truth.image_ids))
        found = _tight(truth, place[known], category[known], box[known])
        fits[shift] = sum(own in categories for own, categories in found)
    shift = max((-1, 1), key=fits.__getitem__)
    with_objects = int(np.isin(truth.objects.image, np.unique(image)).sum())
    if fits[shift] >= FEWEST and 4 * fits[shift] > with_objects and fits[shift] >= CLEARLY * fits[0]:
        side = "after" if shift > 0 else "before"
        yield (
            f"{fits[0]:,} objects have a box of their category right on them, and {fits[shift]:,} would if each image "
            f"were the one {side} it: the image ids look shifted by one. Write those of the annotations"
        )


def _tight(
    truth: GroundTruth, image: NDArray[np.int32], category: NDArray[np.int32], box: NDArray[np.float64]
) -> Iterator[tuple[int, set[int]]]:
    """For each object with boxes right on it: its category, and theirs."""
    for rows, objects in by_image(truth, image):
        tight = iou(truth.objects.box[objects][:, None], box[rows][None]) >= TIGHT
        for row in np.flatnonzero(tight.any(axis=1)):
            yield int(truth.objects.category[objects[row]]), set(category[rows[tight[row]]].tolist())
