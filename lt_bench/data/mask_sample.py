"""What the masks of a file's annotations are, on a sample: where they lie and how many pixels they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data import segmentation as masks
from lt_bench.data.content import is_sound_size
from lt_bench.data.lvis import LVISFile

LARGEST = 2000  # annotations that are looked at, spread over the file
LARGEST_IMAGE = 1 << 26  # pixels of an image whose run lengths are read row by row, for a try
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MaskSample:
    """Annotations with a box and a mask.

    row: int64 [N], their places in the file. box: float64 [N, 4], as annotated. extent: float64 [N, 4], x, y, width and
    height of the mask in the image; without width or height where nothing of it is. pixels: float64 [N], of the mask.
    size: float64 [N, 2], width and height of the image. runs: bool [N], whether the mask is run lengths.
    """

    row: NDArray[np.int64]
    box: Floats
    extent: Floats
    pixels: Floats
    size: Floats
    runs: NDArray[np.bool_]


def sample_masks(file: LVISFile) -> MaskSample:
    """Up to LARGEST annotations whose mask is one that all read alike, in an image of a sound size, in the order of the
    file. No crowds: what their box is, tools don't agree on."""
    columns = file.columns
    usable = np.isin(columns["mask_fault"], (masks.SOUND, masks.OUTSIDE)) & (columns["image_row"] >= 0)
    usable &= np.isfinite(columns["bbox"]).all(axis=1) & ~columns["crowd"]
    rows = np.flatnonzero(usable)
    rows = rows[is_sound_size(columns["image_size"])[columns["image_row"][rows]]]
    rows = rows[np.unique(np.linspace(0, max(0, len(rows) - 1), LARGEST).astype(np.int64))] if len(rows) else rows
    sizes = columns["image_size"][columns["image_row"][rows]].astype(np.float64)
    given = [file.annotations[row]["segmentation"] for row in rows.tolist()]
    extents, pixels = np.zeros((len(rows), 4)), np.zeros(len(rows))
    for place, segmentation in enumerate(given):
        extents[place], pixels[place] = _measured(segmentation, sizes[place])
    runs = np.array([isinstance(segmentation, dict) for segmentation in given], dtype=bool)
    return MaskSample(rows, columns["bbox"][rows], extents, pixels, sizes, runs)


def _measured(segmentation: Any, size: Floats) -> tuple[Floats, int]:
    """Extent and pixels of a mask. Polygons say more exactly where they end than their pixels do."""
    from pycocotools import mask as coco_masks

    width, height = map(int, size)
    if isinstance(segmentation, dict):
        runs = _compressed(segmentation)
        return np.array(coco_masks.toBbox(runs), dtype=np.float64), int(coco_masks.area(runs))
    points = np.concatenate([np.array(part, dtype=np.float64).reshape(-1, 2) for part in segmentation])
    start, end = (np.clip(edge, 0, size) for edge in (points.min(axis=0), points.max(axis=0)))
    runs = coco_masks.merge(coco_masks.frPyObjects(segmentation, height, width))
    return np.concatenate([start, end - start]), int(coco_masks.area(runs))


def _compressed(segmentation: dict[str, Any]) -> Any:
    from pycocotools import mask as coco_masks

    if isinstance(segmentation["counts"], str):
        return segmentation
    return coco_masks.frPyObjects(segmentation, *segmentation["size"])


def extent_by_rows(segmentation: Any) -> Floats | None:
    """Where run lengths lie if they go row by row, and not down the columns: x, y, width, height. None for polygons,
    and for more pixels than are worth a try."""
    from pycocotools import mask as coco_masks

    if not isinstance(segmentation, dict) or np.prod(segmentation["size"], dtype=np.float64) > LARGEST_IMAGE:
        return None
    height, width = segmentation["size"]
    drawn = coco_masks.decode(_compressed(segmentation)).reshape(-1, order="F").reshape(height, width)
    x, y = (np.flatnonzero(drawn.any(axis=axis)) for axis in (0, 1))
    return np.array([x[0], y[0], x[-1] + 1 - x[0], y[-1] + 1 - y[0]], dtype=np.float64)
