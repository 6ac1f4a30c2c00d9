"""Detections in columns: those that can count, and the place of each among all of its image and of its category."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lt_bench.evaluation.inputs.checks import checked_predictions
from lt_bench.evaluation.inputs.chunk_reader import Chunk, Irregular, read_chunks, select
from lt_bench.evaluation.inputs.facts import facts_of
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.inputs.ids import OtherReading
from lt_bench.evaluation.inputs.reading import AS_ANNOTATED, Reading

BATCH = 1 << 14  # detections


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections that can count: of a category that their image is annotated with, present or known to be absent.

    They stand in the order of the file. image, category: int64 [N], ids. score: float64 [N]. box: float64 [N, 4],
    x, y, width, height in pixels; 0 where none was asked for. counts: large_binary [N], compressed RLE of the mask,
    whose size is the image's, and pixels: int64 [N], its area; both None where no masks were asked for.
    image_rank, class_rank: int64 [N], the place by score, from 0, among all detections of the same image (over all
    categories) and of the same category (over the data set), also those that cannot count; ties go in the order of
    the file. So LVIS AP is that of image_rank < 300. total: the number of detections in the file. notes: what its user
    should know of the file.
    """

    image: NDArray[np.int64]
    category: NDArray[np.int64]
    score: NDArray[np.float64]
    box: NDArray[np.float64]
    counts: pa.LargeBinaryArray | None
    pixels: NDArray[np.int64] | None
    image_rank: NDArray[np.int64]
    class_rank: NDArray[np.int64]
    total: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.image)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Detections:
        """Those at `index`: indices, or which of them, as numpy takes them."""
        indices = np.flatnonzero(index) if index.dtype == bool else index
        return replace(
            self,
            image=self.image[indices],
            category=self.category[indices],
            score=self.score[indices],
            box=self.box[indices],
            counts=None if self.counts is None else self.counts.take(pa.array(indices)),
            pixels=None if self.pixels is None else self.pixels[indices],
            image_rank=self.image_rank[indices],
            class_rank=self.class_rank[indices],
        )


def read_detections(
    path: Path, truth: GroundTruth, masks: bool, boxes: bool = True, reading: Reading = AS_ANNOTATED
) -> Detections:
    """Read and check a predictions file (see `lt_bench.evaluation.inputs.predictions`).

    masks, boxes: whether every detection must have one. reading: what its ids are. Raises UserError that names every
    kind of mistake with its count and first examples.
    """
    notes: list[str] = []
    try:
        if reading != AS_ANNOTATED:
            raise Irregular
        chunks = list(read_chunks(path, truth, masks, boxes))
    except (Irregular, OSError):
        try:
            chunks = list(_chunks_one_by_one(path, truth, masks, boxes, reading, notes))
        except OtherReading as other:
            chunks = list(_chunks_one_by_one(path, truth, masks, boxes, other.reading, notes))
    images, categories = (np.concatenate([getattr(chunk, name) for chunk in chunks]) for name in ("image", "category"))
    scores = np.concatenate([chunk.score for chunk in chunks])
    starts = np.cumsum([0] + [len(chunk.image) for chunk in chunks[:-1]])
    kept = np.concatenate([start + chunk.kept for start, chunk in zip(starts, chunks, strict=True)])
    by_score = np.argsort(-scores, kind="stable")
    with ThreadPoolExecutor(2) as pool:
        image_rank, class_rank = pool.map(lambda group: _rank_within(group, by_score)[kept], (images, categories))
    return Detections(
        image=truth.image_ids[images[kept]],
        category=np.array(truth.category_ids)[categories[kept]],
        score=scores[kept],
        box=np.concatenate([chunk.box for chunk in chunks]),
        counts=pa.concat_arrays([chunk.counts for chunk in chunks]) if masks else None,
        pixels=np.concatenate([chunk.pixels for chunk in chunks]) if masks else None,
        image_rank=image_rank,
        class_rank=class_rank,
        total=len(scores),
        notes=(*notes, *facts_of(truth, chunks, boxes)),
    )


def _rank_within(group: NDArray[np.int32], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of every element within its group, int64 [N], when all are put in `order`."""
    # numpy sorts integers of 16 bits by radix, in linear time
    narrow = group.astype(np.uint16) if group.size and group.max() < 1 << 16 else group
    order = order[np.argsort(narrow[order], kind="stable")]
    grouped = group[order]
    first = np.flatnonzero(np.diff(grouped, prepend=-1))
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(first, np.diff(np.append(first, len(group))))
    return rank


def _chunks_one_by_one(
    path: Path, truth: GroundTruth, masks: bool, boxes: bool, reading: Reading, notes: list[str]
) -> Iterator[Chunk]:
    """The file as Python reads it: slow, but it takes every form and collects every mistake."""
    rows = checked_predictions(path, truth, masks, boxes, reading, notes)
    batch: list[dict[str, Any]] = []
    while not batch or len(batch) == BATCH:  # at least one chunk, so that there are columns
        batch = list(islice(rows, BATCH))
        yield select(
            truth,
            image=truth.image_indices(np.array([row["image_id"] for row in batch], dtype=np.int64)),
            category=truth.category_indices(np.array([row["category_id"] for row in batch], dtype=np.int64)),
            score=np.array([row["score"] for row in batch], dtype=np.float64),
            box=np.array([row.get("bbox") or (0, 0, 0, 0) for row in batch], dtype=np.float64).reshape(-1, 4),
            counts=pa.array([row["segmentation"]["counts"].encode() for row in batch], type=pa.large_binary())
            if masks
            else None,
            pixels=np.array([row["pixels"] for row in batch], dtype=np.int64) if masks else None,
        )
        if not batch:
            return
