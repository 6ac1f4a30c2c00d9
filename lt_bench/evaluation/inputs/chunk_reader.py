"""Predictions in chunks of columns, read by Arrow where a file has the layout that `write_predictions` gives it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.json
from numpy.typing import NDArray

from lt_bench.data.rle import joined_mask_pixels
from lt_bench.evaluation.inputs.ground_truth import GroundTruth

CHUNK_BYTES = 1 << 24  # of the file, in a chunk
WORKERS = 2
PARSED_BYTES = 1 << 20  # bytes that Arrow parses at once
HEAD = 1 << 12  # bytes that are looked at for what only the slow way heeds
HEEDED = (b'"file_name"', b'"category_name"')
SAMPLE = 1 << 12  # detections of a chunk
NEWLINE, SPACE, COMMA = b"\n ,"
MAX_ASCII = 127
Text = NDArray[np.uint8]


class Irregular(Exception):
    """A file that must be read one detection after the other: of another layout, or with a mistake."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some detections of a file, one after the other.

    Of all M: image, category: int32 [M], indices into the ground truth's image_ids and category_ids; score: float64
    [M]. kept: int64 [N], those that can count, and only of those: box: float64 [N, 4]; counts: large_binary [N];
    pixels: int64 [N]. empty: how many of the M have a box without an area, or one of negative sides. sample: of the
    first of the M, float64 [S, 4], their boxes.
    """

    image: NDArray[np.int32]
    category: NDArray[np.int32]
    score: NDArray[np.float64]
    kept: NDArray[np.int64]
    box: NDArray[np.float64]
    counts: pa.LargeBinaryArray | None
    pixels: NDArray[np.int64] | None
    empty: int
    sample: NDArray[np.float64]


def select(
    truth: GroundTruth,
    image: NDArray[np.int64],
    category: NDArray[np.int64],
    score: NDArray[np.float64],
    box: NDArray[np.float64],
    counts: pa.LargeBinaryArray | None,
    pixels: NDArray[np.int64] | None,
) -> Chunk:
    """A chunk of detections that are all given in full."""
    kept = np.flatnonzero(truth.annotated[image, category])
    return Chunk(
        image=image.astype(np.int32),
        category=category.astype(np.int32),
        score=score,
        kept=kept,
        box=box[kept],
        counts=None if counts is None else counts.take(pa.array(kept)),
        pixels=None if pixels is None else pixels[kept],
        empty=int((box[:, 2:] <= 0).any(axis=1).sum()),
        sample=box[:SAMPLE].copy(),
    )


def read_chunks(path: Path, truth: GroundTruth, masks: bool, boxes: bool) -> Iterator[Chunk]:
    """The file in chunks. Raises Irregular as soon as anything is not as it should be, be it right or wrong."""
    with path.open("rb") as stream, ThreadPoolExecutor(WORKERS) as pool:
        chunks = (pool.submit(_chunk, text, rows, truth, masks, boxes) for text, rows in _line_chunks(stream))
        waiting = deque(islice(chunks, WORKERS + 1))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(islice(chunks, 1))


def _line_chunks(stream: BinaryIO) -> Iterator[tuple[Text, int]]:
    """The lines of the list, one per detection, in chunks: their text without the commas between them, their number."""
    start, stop = _bounds(stream)
    stream.seek(start)
    rest: Text = np.empty(0, dtype=np.uint8)
    while start < stop:
        text: Text = np.empty(len(rest) + min(CHUNK_BYTES, stop - start), dtype=np.uint8)
        text[: len(rest)] = rest
        start += stream.readinto(text[len(rest) :])  # type: ignore[attr-defined]
        newlines = np.flatnonzero(text == NEWLINE)
        if not newlines.size or not newlines[0]:
            raise Irregular
        inner = newlines[:-1] if start == stop else newlines
        if (text[inner - 1] != COMMA).any():
            raise Irregular
        text[inner - 1] = SPACE
        end = newlines[-1] + 1
        rest = text[end:]
        yield text[:end], len(newlines)


def _bounds(stream: BinaryIO) -> tuple[int, int]:
    """Where the lines of the list start and end in the file."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 4))
    end = stream.read()
    stream.seek(0)
    head = stream.read(HEAD)
    if any(name in head for name in HEEDED):
        raise Irregular
    if not head.startswith(b"[\n{") or not end.endswith((b"}\n]\n", b"}\n]")):
        raise Irregular
    return 2, size - (2 if end.endswith(b"\n]\n") else 1)


def _chunk(text: Text, rows: int, truth: GroundTruth, masks: bool, boxes: bool) -> Chunk:
    table = _table(text, masks)
    if table.num_rows != rows:
        raise Irregular
    image = truth.image_indices(_values(table["image_id"]))
    category = truth.category_indices(_values(table["category_id"]))
    score = _values(table["score"])
    box = _lists(table["bbox"], 4) if boxes or b'"bbox"' in text.tobytes() else np.zeros((rows, 4))
    if min(image.min(), category.min()) < 0 or not np.isfinite(score).all() or not np.isfinite(box).all():
        raise Irregular
    counts = pixels = None
    if masks:
        size = truth.image_size[image]
        segmentation = table["segmentation"]
        if segmentation.null_count or not np.array_equal(_lists(segmentation.field("size"), 2), size):
            raise Irregular
        counts = segmentation.field("counts")
        pixels = _pixels(counts, size)
    return select(truth, image, category, score, box, counts, pixels)


def _table(text: Text, masks: bool) -> Any:
    mask = pa.struct([("size", pa.list_(pa.int64())), ("counts", pa.large_binary())])
    schema = pa.schema(
        [
            ("image_id", pa.int64()),
            ("category_id", pa.int64()),
            ("bbox", pa.list_(pa.float64())),
            ("score", pa.float64()),
            *[("segmentation", mask)] * masks,
        ]
    )
    if text.max() > MAX_ASCII:
        raise Irregular
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(pa.py_buffer(text)),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=PARSED_BYTES),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException as error:
        raise Irregular from error
    if not table.num_rows:
        raise Irregular
    return table.combine_chunks().to_batches()[0]


def _values(column: Any) -> NDArray[Any]:
    """A column of numbers, all of which must be there."""
    if column.null_count:
        raise Irregular
    return np.asarray(column)


def _lists(column: Any, length: int) -> NDArray[Any]:
    """A column of lists of `length` numbers, [M, length]."""
    if column.null_count or (np.diff(column.offsets) != length).any():
        raise Irregular
    return _values(column.flatten()).reshape(-1, length)


def _pixels(counts: pa.LargeBinaryArray, size: NDArray[np.int64]) -> NDArray[np.int64]:
    """The area of each mask, int64 [M], in images of `size` [M, 2]."""
    if counts.null_count:
        raise Irregular
    characters, offsets = buffers(counts)
    lengths = np.diff(offsets)
    if not lengths.all():
        raise Irregular
    area, total = joined_mask_pixels(characters[offsets[0] : offsets[-1]], lengths)
    if not np.array_equal(total, size.prod(axis=1)):
        raise Irregular
    return area


def buffers(array: pa.LargeBinaryArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of an array without nulls, and where in them its elements start and the last one ends."""
    _, offsets, data = array.buffers()
    used = slice(array.offset, array.offset + len(array) + 1)
    return np.frombuffer(data or b"", dtype=np.uint8), np.frombuffer(offsets, dtype=np.int64)[used]
