"""Detections and objects image by image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.inputs.ground_truth import GroundTruth

PAIRS = 1 << 22  # of a detection and an object that are looked at
Rows = NDArray[np.int64]


def by_image(truth: GroundTruth, image: NDArray[np.int32]) -> Iterator[tuple[Rows, Rows]]:
    """For each image with detections, the places of these in `image` and the indices of its objects, until PAIRS of
    both were given. image: int32 [N], indices of images."""
    order = np.argsort(image, kind="stable")
    starts = np.flatnonzero(np.diff(image[order], prepend=-1))
    objects = np.argsort(truth.objects.image, kind="stable")
    first = np.searchsorted(truth.objects.image[objects], np.arange(len(truth.image_ids) + 1))
    pairs = 0
    for rows in np.split(order, starts[1:]) if len(order) else ():
        own = objects[first[image[rows[0]]] : first[image[rows[0]] + 1]]
        pairs += len(rows) * len(own)
        if pairs > PAIRS:
            return
        yield rows, own
