"""The arrays of one split of stored features: their names, types and shapes, and what sizes follow from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

Rows = Literal["images", "images + 1", "rois", "truths", "pairs"]
Precision = Literal["float16", "float32"]

# A version 1.0 header of any array of at most two dimensions fills exactly this many bytes.
HEADER_BYTES = 128


@dataclass(frozen=True)
class ArrayForm:
    """dtype: None for the precision that was chosen. width: of the second axis, 0 for none, -1 for the dimension of the
    features. rows: what its first axis counts.
    """

    dtype: DTypeLike | None
    rows: Rows
    width: int = 0

    def dtype_at(self, precision: Precision) -> np.dtype[np.generic]:
        """Little-endian, whatever the machine."""
        return np.dtype(precision if self.dtype is None else self.dtype).newbyteorder("<")

    def shape(self, rows: int, dimension: int) -> tuple[int, ...]:
        width = dimension if self.width == -1 else self.width
        return (rows, width) if width else (rows,)


ARRAYS: Mapping[str, ArrayForm] = {
    "image_ids": ArrayForm(np.int64, "images"),
    "first": ArrayForm(np.int64, "images + 1"),
    "features": ArrayForm(None, "rois", -1),
    "boxes": ArrayForm(np.float32, "rois", 4),
    "labels": ArrayForm(np.int32, "rois"),
    "is_truth": ArrayForm(np.bool_, "rois"),
    "sizes": ArrayForm(np.int32, "images", 2),
    "scales": ArrayForm(np.float32, "images", 2),
    "truth_first": ArrayForm(np.int64, "images + 1"),
    "truth_labels": ArrayForm(np.int32, "truths"),
    "truth_boxes": ArrayForm(np.float32, "truths", 4),
    "iou_first": ArrayForm(np.int64, "images + 1"),
    "iou": ArrayForm(np.float32, "pairs"),
}


@dataclass(frozen=True)
class Counts:
    """pairs: of a RoI and a ground truth of its image."""

    images: int
    rois: int
    truths: int
    pairs: int

    def rows(self, what: Rows) -> int:
        return self.images + 1 if what == "images + 1" else int(getattr(self, what))

    def bytes_of(self, name: str, dimension: int, precision: Precision) -> int:
        """The size of an array's file."""
        form = ARRAYS[name]
        shape = form.shape(self.rows(form.rows), dimension)
        return HEADER_BYTES + math.prod(shape) * form.dtype_at(precision).itemsize

    def total_bytes(self, dimension: int, precision: Precision) -> int:
        """The size of all files of a split."""
        return sum(self.bytes_of(name, dimension, precision) for name in ARRAYS)
