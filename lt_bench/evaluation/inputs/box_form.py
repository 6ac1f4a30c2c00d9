"""Whether detections would lie on the objects if their boxes were of another form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.box_forms import iou, read_otherwise
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.inputs.overlaps import by_image

FEWEST = 10  # objects that boxes of another form lie on
TIGHT = 0.7  # IoU
ENOUGH = 0.2  # share of the objects that have a box on them, from which on the form is right
CLEARLY = 4  # times as many objects must have a box of the other form


def form_of_boxes(truth: GroundTruth, image: NDArray[np.int32], box: NDArray[np.float64]) -> Iterator[str]:
    """A sentence if few objects have a box right on them, but many would have one in another form. image: int32 [N],
    indices; box: float64 [N, 4], as they stand in the file."""
    groups = list(by_image(truth, image))
    objects = sum(len(own) for _, own in groups)

    def found(boxes: NDArray[np.float64]) -> int:
        pairs = (iou(truth.objects.box[own][:, None], boxes[rows][None]) for rows, own in groups)
        return sum(int((pair >= TIGHT).any(axis=1).sum()) for pair in pairs)

    as_written = found(box)
    if objects < FEWEST or as_written >= ENOUGH * objects:
        return
    size = truth.image_size[image, ::-1].astype(np.float64)
    otherwise = {name: found(boxes) for name, boxes in read_otherwise(box, size)}
    best = max(otherwise, key=otherwise.__getitem__)
    if otherwise[best] >= max(FEWEST, CLEARLY * as_written):
        yield (
            f"of {objects:,} objects, {as_written:,} have a box right on them, and {otherwise[best]:,} would have one "
            f"if the boxes were {best}: bbox must be [x, y, width, height] in pixels"
        )
