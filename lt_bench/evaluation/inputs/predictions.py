"""The predictions file: a JSON list of detections, written and read as a stream.

One detection is {"image_id", "category_id", "bbox": [x, y, width, height], "score",
"segmentation": {"size": [height, width], "counts": compressed RLE}} in pixels; `segmentation` is optional. A full
LVIS validation run has some six million of them, so neither side ever holds the whole list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lt_bench.data.json_stream import JSONStream
from lt_bench.data.text_source import open_text_source
from lt_bench.errors import RunFailedError, UserError
from lt_bench.evaluation.inputs.forms import detections_in
from lt_bench.utils.files import write_atomic

PREDICTIONS_FILE = "predictions.json"  # in the folder of a run
BLOCK = 1 << 20  # bytes read at a time
LONGEST = 1 << 24  # characters of a detection, which has a few hundred
REMEDY = (
    "A predictions file is a JSON list of "
    '{"image_id", "category_id", "bbox": [x, y, width, height], "score", "segmentation"}; write it again.'
)


def write_predictions(path: Path, detections: Iterable[Mapping[str, Any]]) -> str:
    """Write detections as a JSON list, one per line, and return the file's sha256 (hex).

    The file appears under its name only when it is complete (see `write_atomic`). numpy scalars and the bytes that
    pycocotools gives as RLE counts are accepted. Raises RunFailedError when a number is NaN or infinite.
    """
    return write_encoded(path, (encode([detection]) for detection in detections))


def write_encoded(path: Path, batches: Iterable[bytes]) -> str:
    """`write_predictions` of detections in batches that `encode` has made."""
    return write_atomic(path, _list_of(batches))


def encode(detections: Iterable[Mapping[str, Any]]) -> bytes:
    """Detections as they stand in the list, one per line, with commas between them. Raises as `write_predictions`."""
    return b",\n".join(map(_line, detections))


def _line(detection: Mapping[str, Any]) -> bytes:
    try:
        return ENCODER.encode(dict(detection)).encode()
    except ValueError as error:
        raise RunFailedError(f"a detection cannot be written: {error}: {detection}") from error


def _list_of(batches: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"[\n"
    for batch in filter(None, batches):
        yield separator
        yield batch
        separator = b",\n"
    yield b"\n]\n" if separator == b",\n" else b"[]\n"


def _plain(value: Any) -> Any:
    """What json cannot write itself: bytes (RLE counts, ASCII), numpy scalars and arrays."""
    if isinstance(value, bytes):
        return value.decode("ascii")
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)


def read_predictions(path: Path) -> Iterator[dict[str, Any]]:
    """The detections of a predictions file, one after the other, as they stand there.

    It may be packed with gzip, in UTF-16 or with a byte order mark, and of any form in
    `lt_bench.evaluation.inputs.forms`. Raises UserError when the file is missing, of no such form, or truncated; a
    truncated file raises after its last complete detection.
    """
    try:
        with open_text_source(path) as content:
            yield from detections_in(JSONStream(content, BLOCK, LONGEST))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}", "Name a predictions file.") from error
    except RecursionError as error:
        raise UserError(f"{path}: nested too deeply for a predictions file", REMEDY) from error
    except ValueError as error:  # json.JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise UserError(f"{path}: not a predictions file: {error}", REMEDY) from error
