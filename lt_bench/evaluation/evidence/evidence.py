"""What LVIS AP is computed from, and all that it is computed from: outcomes of detections, and numbers of objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.terms import BoxOrMask


@dataclass(frozen=True, eq=False)
class Outcomes:
    """How N detections came out as boxes or as masks, at each of 10 IoU thresholds in each of 4 area ranges.

    correct, ignored: uint16 [N, A]. Bit t of a number belongs to the IoU threshold 0.50 + 0.05 t; A: the areas all,
    small, medium, large. A detection is correct (a true positive), ignored (it counts neither way), or else wrong (a
    false positive); never both of the first two.
    """

    correct: NDArray[np.uint16]
    ignored: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What LVIS AP needs of a predictions file and an annotation file.

    annotations, predictions: the files' SHA-256 (hex). image_ids: int64 [I], ascending, all images of the annotation
    file, also those where nothing counts. category_ids: int64 [K], ascending. frequency: "r", "c" or "f" of each.

    Detections, N of them: those of the 300 best of their image (over all categories) whose category the image is
    annotated with, present or known to be absent, but for categories that no image has objects of. They are sorted by
    category, then by falling score; ties by image, then as in the predictions file. That is the order in which lvis-api
    accumulates them. category, image: int32 [N], indices into category_ids and image_ids. score: float64 [N]. outcomes:
    of the kinds that were evaluated.

    Objects: for each of C pairs of a category and an image that has objects of it, sorted by category, then image.
    object_category, object_image: int32 [C], indices. object_count: int32 [C, A], how many have to be found in each
    area range, without the ignored ones; it may be 0.

    evaluators: which one gave the outcomes of a kind, "vernier" or "lvis".
    """

    annotations: str
    predictions: str
    image_ids: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    frequency: tuple[str, ...]
    category: NDArray[np.int32]
    image: NDArray[np.int32]
    score: NDArray[np.float64]
    outcomes: Mapping[BoxOrMask, Outcomes]
    object_category: NDArray[np.int32]
    object_image: NDArray[np.int32]
    object_count: NDArray[np.int32]
    evaluators: Mapping[BoxOrMask, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.score)

    def same_truth(self, other: Evidence) -> bool:
        """Whether both were measured on the same images, categories and objects."""
        return self.frequency == other.frequency and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("image_ids", "category_ids", "object_category", "object_image", "object_count")
        )
