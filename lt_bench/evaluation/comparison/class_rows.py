"""What a class's AP depends on: its detections that count, in order, and how many objects each image has."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask

THRESHOLDS = 10
EVERYWHERE = 0  # the area "all"


@dataclass(frozen=True, eq=False)
class ClassRows:
    """The n detections of a class in the order in which lvis-api accumulates them.

    source: int32 [n], which column of the weights a detection's image is. correct, ignored: uint16 [n], bit t for the
    IoU threshold t, of the area "all".
    """

    source: NDArray[np.int32]
    correct: NDArray[np.uint16]
    ignored: NDArray[np.uint16]


def class_rows(evidence: Evidence, kind: BoxOrMask) -> list[ClassRows]:
    """The detections of every class. Raises UserError when the evidence has no such `kind`."""
    correct, ignored = _everywhere(evidence, kind)
    return _split(evidence.category, len(evidence.category_ids), evidence.image, correct, ignored)


def merged_rows(first: Evidence, second: Evidence, kind: BoxOrMask) -> list[ClassRows]:
    """The detections of two runs on the same images as those of one: image i of the second run is source I + i.

    Whichever of its two sources an image takes, the order is that of lvis-api: tied detections stand in the order of
    the images, and those of one image and run in the order of that run.
    """
    category, image, score = (
        np.concatenate((getattr(first, name), getattr(second, name))) for name in ("category", "image", "score")
    )
    source = image.copy()
    source[len(first) :] += np.int32(len(first.image_ids))
    order = np.lexsort((image, -score, category))  # stable: it leaves a run's own order
    columns = zip(_everywhere(first, kind), _everywhere(second, kind), strict=True)
    correct, ignored = (np.concatenate(pair)[order] for pair in columns)
    return _split(category[order], len(first.category_ids), source[order], correct, ignored)


def objects_to_find(evidence: Evidence, weights: NDArray[np.integer]) -> NDArray[np.int64]:
    """int64 [B, K]: how many objects of each class resamples of `weights` [B, I] have, without the ignored ones."""
    count = evidence.object_count[:, EVERYWHERE].astype(np.int64)
    found = np.zeros((len(evidence.category_ids), len(weights)), dtype=np.int64)
    bounds = np.searchsorted(evidence.object_category, np.arange(len(found) + 1))
    for index, (start, stop) in enumerate(pairwise(bounds.tolist())):
        found[index] = weights[:, evidence.object_image[start:stop]] @ count[start:stop]
    return found.T


def _everywhere(evidence: Evidence, kind: BoxOrMask) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    if kind not in evidence.outcomes:
        known = ", ".join(evidence.outcomes) or "nothing"
        raise UserError(f"the evidence holds {known}, but not {kind}", "Evaluate the predictions for that kind, too.")
    outcomes = evidence.outcomes[kind]
    return outcomes.correct[:, EVERYWHERE], outcomes.ignored[:, EVERYWHERE]


def _split(
    category: NDArray[np.int32],
    classes: int,
    source: NDArray[np.int32],
    correct: NDArray[np.uint16],
    ignored: NDArray[np.uint16],
) -> list[ClassRows]:
    bounds = np.searchsorted(category, np.arange(classes + 1)).tolist()
    parts = [slice(start, stop) for start, stop in pairwise(bounds)]
    return [ClassRows(source[part], correct[part], ignored[part]) for part in parts]
