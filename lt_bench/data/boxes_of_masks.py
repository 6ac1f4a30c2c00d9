"""Whether boxes and areas of annotations are those of their masks.

A detector learns boxes from `bbox` and masks from `segmentation`, and AP of small, medium and large objects goes by
`area`. Exporters that write corners or other units there leave a file of the right form, whose objects are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.box_forms import iou, read_otherwise
from lt_bench.data.lvis import LVISFile
from lt_bench.data.mask_sample import Floats, MaskSample, extent_by_rows

APART, SAME = 0.5, 0.9  # IoU of a box and its mask's extent: below, it is another box; above, it is that
ROUNDED = 0.7  # the same as SAME for an extent in whole pixels
FEWEST = 0.01  # share of boxes that are not their masks', from which on there is something to say
NARROW = 2.0  # pixels: where box and mask are both narrower nothing is said, as rounding moves much
TRIED = 50  # masks that are read in another way
MANY = 0.1  # share of areas that are not their masks'
OF_MASK = 0.5, 2.0  # times the mask's pixels: an area between is its own
OF_BOX = 0.01, 1.5  # times the box's: one between may be that of the object in it
LEAST = 100.0  # pixels: areas of smaller objects are rounded too much to be compared


def boxes_elsewhere(file: LVISFile, sample: MaskSample) -> Iterator[str]:
    """A sentence where boxes are not those of their masks, with the form that they look like."""
    shown = (sample.extent[:, 2:].min(axis=1) >= NARROW) | (sample.box[:, 2:].min(axis=1) >= 2 * NARROW)
    apart = shown & (iou(sample.box, sample.extent) < APART)
    if not apart.any() or apart.sum() < FEWEST * shown.sum():
        return
    first = int(np.flatnonzero(apart)[0])
    annotation = file.annotations[int(sample.row[first])]
    x, y, width, height = sample.extent[first].tolist()
    if min(width, height) > 0:
        where = f"its mask spans x {x:g} to {x + width:g} and y {y:g} to {y + height:g}"
    else:
        where = "nothing of its mask is in the image"
    form = _looks_like(file, sample, apart)
    yield (
        f"{file.path.name}: of {int(shown.sum()):,} boxes that were looked at, {int(apart.sum()):,} are not those of "
        f"their masks (e.g. annotation {annotation['id']}, image {annotation['image_id']}: bbox is "
        f"{annotation['bbox']}, {where}); bbox must be x, y, width and height in pixels{form}"
    )


def areas_elsewhere(file: LVISFile, sample: MaskSample) -> Iterator[str]:
    """A sentence where areas are far from those of masks or, where there are none, of boxes."""
    rows, right, what, slack = sample.row, sample.pixels, "masks", OF_MASK
    if not len(rows):
        box = file.columns["bbox"]
        rows, right, what, slack = np.arange(len(box)), box[:, 2] * box[:, 3], "boxes", OF_BOX
    area = file.columns["area"][rows]
    with np.errstate(invalid="ignore"):
        large = right >= LEAST
        odd = large & (area > 0) & ((area > slack[1] * right) | (area < slack[0] * right))
    if not odd.any() or odd.sum() < MANY * large.sum():
        return
    first = int(np.flatnonzero(odd)[0])
    annotation = file.annotations[int(rows[first])]
    yield (
        f"{file.path.name}: of {int(large.sum()):,} areas that were looked at, {int(odd.sum()):,} are not those of "
        f"their {what} (e.g. annotation {annotation['id']}, image {annotation['image_id']}: area is "
        f"{annotation['area']}, and it has {right[first]:.0f} pixels); APs, APm and APl go by area. `lt_bench data "
        "convert` computes areas where there are none"
    )


def _looks_like(file: LVISFile, sample: MaskSample, apart: NDArray[np.bool_]) -> str:
    box, extent, size = (values[apart] for values in (sample.box, sample.extent, sample.size))

    def share(one: Floats, other: Floats, same: float = SAME) -> float:
        return float((iou(one, other) > same).mean())

    fits = {f"these look like {name}": share(other, extent) for name, other in read_otherwise(box, size)}
    fits["the polygons look like shares of the image's sides"] = share(box, extent * np.hstack([size, size]))
    tried = np.flatnonzero(apart & sample.runs)[:TRIED]
    by_rows = [extent_by_rows(file.annotations[int(sample.row[place])]["segmentation"]) for place in tried.tolist()]
    turned = [
        share(sample.box[[place]], row[None], ROUNDED)
        for place, row in zip(tried, by_rows, strict=True)
        if row is not None
    ]
    if turned:
        fits["the run lengths look written row by row, and must go down the columns"] = float(np.mean(turned))
    best = max(fits, key=fits.__getitem__)
    return f"; {best}" if fits[best] > 0.5 else ""
