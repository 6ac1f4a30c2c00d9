"""What the user of a predictions file should know of it, though it can be evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.row_keys import row_keys
from lt_bench.evaluation.inputs.apart import masks_elsewhere
from lt_bench.evaluation.inputs.box_form import form_of_boxes
from lt_bench.evaluation.inputs.chunk_reader import Chunk
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.inputs.shifted import shift_of_categories, shift_of_images

OUTSIDE = 0.05  # of an image's side: so far may a box reach beyond it
CORNERS = 0.25  # share of boxes beyond their images from which on they are taken for corners


def facts_of(truth: GroundTruth, chunks: Sequence[Chunk], boxes: bool) -> list[str]:
    """Sentences about the detections of a file. boxes: whether each has a box."""
    image, score = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("image", "score"))
    found = [*_of_images(truth, image), *_of_scores(score), *_of_repetitions(chunks, boxes)]
    if boxes and len(image):
        found += _of_boxes(truth, chunks, len(image))
    return found


def _of_images(truth: GroundTruth, image: NDArray[np.int32]) -> Iterator[str]:
    count = len(truth.image_ids)
    without = np.ones(count, dtype=bool)
    without[image] = False
    if without.any() and not without.all():
        objects = int((truth.positive.any(axis=1) & without).sum())
        yield (
            f"there are detections in {count - without.sum():,} of {count:,} images; the other {without.sum():,}, of "
            f"which {objects:,} have objects, count as images without a detection"
        )
    elif without.all():
        yield "there is no detection in the file"


def _of_scores(score: NDArray[np.float64]) -> Iterator[str]:
    outside = np.flatnonzero((score < 0) | (score > 1))
    if len(outside):
        yield (
            f"the scores of {len(outside):,} of {len(score):,} detections are outside [0, 1], e.g. "
            f"{score[outside[0]]:g}: AP takes them for an order alone"
        )
    if len(score) > 1 and (score == score[0]).all():
        yield f"all {len(score):,} scores are {score[0]:g}, so that AP depends on the order of the file"


def _of_repetitions(chunks: Sequence[Chunk], boxes: bool) -> Iterator[str]:
    """Of those that can count: of the others only image, category and score were kept."""
    columns = [[getattr(chunk, name)[chunk.kept] for chunk in chunks] for name in ("image", "category", "score")]
    columns += [[chunk.box[:, place] for chunk in chunks] for place in range(4) if boxes]
    columns += [[chunk.pixels for chunk in chunks]] if chunks[0].pixels is not None else []
    keys = np.sort(row_keys(np.concatenate(parts) for parts in columns))
    repeated = int((np.diff(keys) == 0).sum())
    if repeated:
        what = "image, category, score and box" if boxes else "image, category, score and area"
        yield (
            f"{repeated:,} of {len(keys):,} detections that can count are equal to another one in {what}, as where "
            "files of several processes were joined: of equal ones, all but one are mistakes"
        )


def _of_boxes(truth: GroundTruth, chunks: Sequence[Chunk], total: int) -> Iterator[str]:
    empty = sum(chunk.empty for chunk in chunks)
    if empty:
        yield f"{empty:,} of {total:,} boxes are empty or have a negative side; such a box is right for no object"
    box = np.concatenate([chunk.sample for chunk in chunks])
    image, category = (
        np.concatenate([getattr(chunk, name)[: len(chunk.sample)] for chunk in chunks])
        for name in ("image", "category")
    )
    size = truth.image_size[image, ::-1].astype(np.float64)
    form = list(form_of_boxes(truth, image, box))
    yield from form
    beyond = (box[:, :2] + box[:, 2:] > size * (1 + OUTSIDE) + 1).any(axis=1)
    if beyond.mean() >= CORNERS and not form:
        yield (
            f"{100 * beyond.mean():.0f} % of the boxes reach beyond their images: bbox must be [x, y, width, height], "
            "not corners [x1, y1, x2, y2]"
        )
    yield from shift_of_categories(truth, image, category, box)
    yield from shift_of_images(truth, image, category, box)
    yield from masks_elsewhere(truth, chunks)
