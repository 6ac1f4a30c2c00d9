"""Areas and polygons that annotations lack."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from lt_bench.data import segmentation as masks

Size = tuple[int, int]  # width, height
_READABLE = (masks.SOUND, masks.OUTSIDE)


def has_mask(annotation: Mapping[str, Any]) -> bool:
    """Whether there is a segmentation at all, sound or not. A list of empty polygons is none."""
    segmentation = annotation.get("segmentation")
    return any(part != [] for part in segmentation) if isinstance(segmentation, list) else bool(segmentation)


def has_area(annotation: Mapping[str, Any]) -> bool:
    """Whether the area is one that an evaluator takes: a positive, finite number."""
    area = annotation.get("area")
    if not isinstance(area, int | float) or isinstance(area, bool):
        return False
    try:
        return isfinite(area) and area > 0
    except OverflowError:
        return False


def box_polygon(box: list[float]) -> list[list[float]]:
    """The corners of x, y, width, height, as a polygon."""
    x, y, width, height = box
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def mask_area(segmentation: Any, size: Size) -> int | None:
    """Pixels of a mask, its parts counted once where they overlap; None for one that has none or can't be read."""
    from pycocotools import mask as coco_masks

    found = masks.Segmentations()
    found.add(segmentation)
    if int(found.faults(np.array([size], dtype=np.int64), np.array([True]))[0]) not in _READABLE:
        return None
    width, height = size
    runs: Any = segmentation
    if isinstance(segmentation, list):
        runs = coco_masks.merge(coco_masks.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        runs = coco_masks.frPyObjects(segmentation, height, width)
    return int(coco_masks.area(runs)) or None


def box_area(box: list[float]) -> float | None:
    """Width times height; None where that is no positive finite number."""
    area = box[2] * box[3] if min(box[2:]) > 0 else 0.0
    return area if area > 0 and isfinite(area) else None
