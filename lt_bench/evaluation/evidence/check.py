"""Whether a file holds evidence. It may come from strangers: nothing of it is believed, and its size is bounded."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.layout import KEY, OBJECT_COLUMNS, VERSION, Header, outcome_columns, schema
from lt_bench.evaluation.evidence.outcomes import EVERY, THRESHOLDS

REMEDY = "evaluate the predictions again (`python -m lt_bench eval --evidence FILE`), or get the file anew"
LARGEST = 1 << 28  # bytes
MOST_ROWS = 1 << 24  # LVIS's validation set has 5.9 million places for detections
LARGEST_DECODED = 1 << 31  # bytes of all columns, as the file declares them

Column = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Columns:
    """The file's three blocks. images: the ids."""

    detections: dict[str, Column]
    objects: dict[str, Column]
    images: NDArray[np.int64]


def checked(path: Path) -> tuple[Header, Columns]:
    """What the file says. Raises UserError, which names the file and the first thing that is wrong."""
    try:
        return _read(path)
    except OSError as error:  # pyarrow's too, for a file whose pages are damaged
        raise UserError(f"{path}: can't be read: {str(error) or type(error).__name__}", REMEDY) from error
    except (pa.ArrowException, ValueError) as error:
        raise UserError(f"{path}: no evidence: {_first_line(error)}", REMEDY) from error


def _read(path: Path) -> tuple[Header, Columns]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would block
        raise ValueError("it is not a regular file")
    if status.st_size > LARGEST:
        raise ValueError(f"{status.st_size} bytes, more than {LARGEST}")
    with pq.ParquetFile(path) as file:
        header = _header(file.metadata.metadata)
        form = file.schema_arrow.remove_metadata()
        if form not in (expected := [schema(header.kinds, score) for score in (pa.float32(), pa.float64())]):
            raise ValueError(f"columns are {_listed(form)}; expected {_listed(expected[0])}")
        _check_size(file.metadata)
        table = file.read()
    columns = _blocks(table)
    for mistake in _mistakes(header, columns):
        raise ValueError(mistake)
    return header, columns


def _header(metadata: dict[bytes, bytes] | None) -> Header:
    text = (metadata or {}).get(KEY)
    if text is None:
        raise ValueError(f"its metadata has no {KEY.decode()}")
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if name == "schema_version":
            raise ValueError(f"schema_version {first['input']!r}; this lt_bench reads {VERSION}") from None
        raise ValueError(f"metadata: {name or 'all of it'}: {first['msg']}") from None


def _check_size(metadata: pq.FileMetaData) -> None:
    """Raises ValueError when the file says of itself that it is too large to be read."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    decoded = sum(group.column(index).total_uncompressed_size for group in groups for index in range(group.num_columns))
    values = max((group.column(i).num_values for group in groups for i in range(group.num_columns)), default=0)
    if max(metadata.num_rows, values) > MOST_ROWS or decoded > LARGEST_DECODED:
        raise ValueError(f"{metadata.num_rows} rows of {decoded} bytes, more than {MOST_ROWS} of {LARGEST_DECODED}")


def _blocks(table: pa.Table) -> Columns:
    """Raises ValueError unless the nulls are those of detections, then objects, then images."""
    detections = len(table) - table["score"].null_count
    objects = len(table) - table["objects_all"].null_count
    first, second = detections, detections + objects
    for name in table.column_names:
        column = table[name]
        start, end = {"category": (0, second), "image": (0, len(table))}.get(
            name, (first, second) if name in OBJECT_COLUMNS else (0, first)
        )
        if column.null_count != len(table) - (end - start) or column[start:end].null_count:
            raise ValueError(f"{name} is null in the wrong rows")
    arrays = {name: table[name] for name in table.column_names}
    return Columns(
        detections={name: _values(column[:first]) for name, column in arrays.items() if name not in OBJECT_COLUMNS},
        objects={name: _values(arrays[name][first:second]) for name in ("category", "image", *OBJECT_COLUMNS)},
        images=_values(arrays["image"][second:]),
    )


def _values(column: pa.ChunkedArray) -> Column:
    values: Column = column.to_numpy()
    return values


def _mistakes(header: Header, columns: Columns) -> Iterator[str]:
    categories = np.array([category.id for category in header.categories], dtype=np.int64)
    detections, objects, images = columns.detections, columns.objects, columns.images
    if (np.diff(categories) <= 0).any():
        yield "metadata: categories are not ascending"
    if (np.diff(images) <= 0).any():
        yield "images are not ascending"
    for name, block in (("detections", detections), ("objects", objects)):
        for key, known in (("category", categories), ("image", images)):
            if not np.isin(block[key], known).all():
                yield f"{name}: {key} {block[key][~np.isin(block[key], known)][0]} is unknown"
    if not np.isfinite(detections["score"]).all():
        yield "detections: a score is not finite"
    if not _ascending(detections["category"], detections["image"], -detections["score"]).all():
        yield "detections are not in order"
    if not _ascending(objects["category"], objects["image"], np.zeros(len(objects["image"])), strictly=True).all():
        yield "objects are not in order, or a pair of category and image occurs twice"
    for kind in header.kinds:
        names = zip(outcome_columns(kind, "correct"), outcome_columns(kind, "ignored"), strict=True)
        for correct, ignored in names:
            if ((detections[correct] | detections[ignored]) > EVERY).any():
                yield f"{correct}, {ignored}: more than the bits of 10 IoU thresholds"
            if (detections[correct] & detections[ignored]).any():
                yield f"{correct}, {ignored}: a detection is both at once"
    for name in OBJECT_COLUMNS:
        if (objects[name] < 0).any():
            yield f"{name}: a negative number"
        if (objects[name] > objects["objects_all"]).any():
            yield f"{name}: more than objects_all"
    yield from _found_too_often(header, columns, categories)


def _found_too_often(header: Header, columns: Columns, categories: Column) -> Iterator[str]:
    """No pair of a category and an image has more correct detections than objects, at any threshold."""
    found, present = (
        np.searchsorted(categories, block["category"]) * len(columns.images)
        + np.searchsorted(columns.images, block["image"])
        for block in (columns.detections, columns.objects)
    )
    pair = np.searchsorted(present, found)
    pair[np.append(present, -1)[pair] != found] = len(present)  # has no objects
    for kind in header.kinds:
        for correct, objects in zip(outcome_columns(kind, "correct"), OBJECT_COLUMNS, strict=True):
            bits = columns.detections[correct]
            rows = np.flatnonzero(bits)
            most = np.append(columns.objects[objects], 0)
            for threshold in range(THRESHOLDS):
                of_pairs = pair[rows[(bits[rows] >> threshold & 1) == 1]]
                if (np.bincount(of_pairs, minlength=len(most)) > most).any():
                    yield f"{correct}: more correct detections than objects"


def _ascending(first: Column, second: Column, third: Column, strictly: bool = False) -> NDArray[np.bool_]:
    """Whether each row comes after the one before it, by `first`, then `second`, then `third`."""
    found = third[1:] > third[:-1] if strictly else third[1:] >= third[:-1]
    for column in (second, first):
        found = (column[1:] > column[:-1]) | ((column[1:] == column[:-1]) & found)
    return found


def _listed(form: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in form)[:2000]


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:1000]
