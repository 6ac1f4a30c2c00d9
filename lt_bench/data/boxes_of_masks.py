"""Whether the boxes of annotations are those of their masks.

A detector learns boxes from `bbox` and masks from `segmentation`. Exporters that write corners or other units there
leave a file of the right form, whose boxes are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lt_bench.data import segmentation as masks
from lt_bench.data.box_forms import iou, read_otherwise
from lt_bench.data.lvis import LVISFile

SAMPLE = 2000  # annotations that are looked at, spread over the file
APART, SAME = 0.5, 0.9  # IoU of a box and its mask's extent: below, it is another box; above, it is that
FEWEST = 0.01  # share of boxes that are not their masks', from which on there is something to say
NARROW = 2.0  # pixels: of narrower masks nothing is said, where rounding moves much


def boxes_elsewhere(file: LVISFile) -> Iterator[str]:
    """A sentence where boxes are not those of their polygons, with the form that they look like."""
    rows, box, extent, size = _sample(file)
    apart = iou(box, extent) < APART
    if not apart.any() or apart.mean() < FEWEST:
        return
    row, x, y, right, bottom = int(rows[apart][0]), *_corners(extent[apart][0])
    annotation = file.annotations[row]
    yield (
        f"{file.path.name}: of {len(rows):,} boxes that were looked at, {int(apart.sum()):,} are not those of their "
        f"masks (e.g. annotation {annotation['id']}, image {annotation['image_id']}: bbox is {annotation['bbox']}, its "
        f"polygons span x {x:g} to {right:g} and y {y:g} to {bottom:g}); bbox must be x, y, width and height in "
        f"pixels{_looks_like(box[apart], extent[apart], size[apart])}"
    )


def _looks_like(box: NDArray[np.float64], extent: NDArray[np.float64], size: NDArray[np.float64]) -> str:
    fits = {name: float((iou(other, extent) > SAME).mean()) for name, other in read_otherwise(box, size)}
    best = max(fits, key=fits.__getitem__)
    return f"; these look like {best}" if fits[best] > 0.5 else ""


def _sample(
    file: LVISFile,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Annotations with a box and polygons: their positions [N], their boxes and the polygons' extents in the image,
    both x, y, width, height [N, 4], and width and height of their images [N, 2]."""
    columns = file.columns
    usable = np.isin(columns["mask_fault"], (masks.SOUND, masks.OUTSIDE)) & (columns["image_row"] >= 0)
    usable &= np.isfinite(columns["bbox"]).all(axis=1) & ~columns["crowd"]
    rows = np.flatnonzero(usable)
    rows = rows[np.unique(np.linspace(0, max(0, len(rows) - 1), SAMPLE).astype(np.int64))] if len(rows) else rows
    sizes = columns["image_size"][columns["image_row"][rows]].astype(np.float64)
    found, extents = [], []
    for place, row in enumerate(rows.tolist()):
        polygons = file.annotations[row]["segmentation"]
        if isinstance(polygons, list):
            points = np.concatenate([np.array(part, dtype=np.float64).reshape(-1, 2) for part in polygons])
            start, end = (np.clip(edge, 0, sizes[place]) for edge in (points.min(axis=0), points.max(axis=0)))
            if (end - start).min() >= NARROW:
                found.append(place)
                extents.append([*start, *(end - start)])
    kept = np.array(found, dtype=np.int64)
    return rows[kept], columns["bbox"][rows[kept]], np.array(extents, dtype=np.float64).reshape(-1, 4), sizes[kept]


def _corners(box: NDArray[np.float64]) -> list[float]:
    x, y, width, height = box.tolist()
    return [x, y, x + width, y + height]
