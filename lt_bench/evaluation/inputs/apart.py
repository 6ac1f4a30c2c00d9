"""Whether the masks of detections are where their boxes are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lt_bench.data.box_forms import iou
from lt_bench.evaluation.inputs.chunk_reader import Chunk
from lt_bench.evaluation.inputs.ground_truth import GroundTruth

SAMPLE = 2000  # detections that are looked at
NARROW = 3  # pixels: of narrower masks nothing is said
APART = 0.3  # IoU of a box and its mask's extent: a badly trained detector's masks still fill more of their boxes
MOST = 0.75  # share of those apart, from which on it is no matter of training


def masks_elsewhere(truth: GroundTruth, chunks: Sequence[Chunk]) -> Iterator[str]:
    """A sentence where masks and boxes of most detections that can count are of different places."""
    from pycocotools import mask as coco_masks

    looked_at, apart, example = 0, 0, ""
    for chunk in chunks:
        rows = np.arange(min(len(chunk.kept), SAMPLE - looked_at))
        if chunk.counts is None or not len(rows):
            continue
        sizes = truth.image_size[chunk.image[chunk.kept[rows]]].tolist()
        runs = [{"size": size, "counts": chunk.counts[int(row)].as_py()} for row, size in zip(rows, sizes, strict=True)]
        extent = np.asarray(coco_masks.toBbox(runs), dtype=np.float64).reshape(-1, 4)
        shown = extent[:, 2:].min(axis=1) >= NARROW
        odd = shown & (iou(chunk.box[rows], extent) < APART)
        looked_at, apart = looked_at + int(shown.sum()), apart + int(odd.sum())
        if odd.any() and not example:
            first = int(np.flatnonzero(odd)[0])
            x, y, width, height = extent[first].tolist()
            box = ", ".join(f"{value:g}" for value in chunk.box[first].tolist())
            image = int(truth.image_ids[chunk.image[chunk.kept[first]]])
            span = f"x {x:g} to {x + width:g} and y {y:g} to {y + height:g}"
            example = f"image {image}: bbox is [{box}], the mask spans {span}"
    if looked_at and apart > MOST * looked_at:
        yield (
            f"of {looked_at:,} detections that were looked at, {apart:,} have their mask elsewhere than their box "
            f"(e.g. {example}): bbox must be [x, y, width, height] in pixels of the image, and run lengths go down its "
            "columns"
        )
