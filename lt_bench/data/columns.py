"""Arrays and a few facts in one file: read by mapping it into memory, which all processes of a machine share.

The file is a line of JSON (the facts, and where each array lies), led by that line's checksum, and then the arrays.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64  # bytes; numpy wants 8
Columns = dict[str, NDArray[Any]]


class DamagedError(ValueError):
    """The file is not what `pack` made."""


def pack(facts: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> Iterator[bytes]:
    """The bytes of such a file. facts: what JSON can hold."""
    offset = checksum = 0
    where, contents = {}, []
    for name, column in columns.items():
        content = np.ascontiguousarray(column).tobytes()
        content += bytes(-len(content) % ALIGNMENT)
        where[name] = (column.dtype.str, column.shape, offset)
        offset += len(content)
        checksum = zlib.crc32(content, checksum)
        contents.append(content)
    line = json.dumps({"facts": facts, "columns": where, "size": offset, "checksum": checksum}).encode()
    head = b"%08x %s" % (zlib.crc32(line), line)
    yield head.ljust(len(head) + -(len(head) + 1) % ALIGNMENT) + b"\n"
    yield from contents


def unpack(path: Path) -> tuple[dict[str, Any], Columns]:
    """(facts, columns) of a file; the columns are mapped, read-only. All of it is checked.

    Raises OSError when it can't be read and DamagedError when a byte is not as it was written.
    """
    with path.open("rb") as stream:
        line = stream.readline()
        start = stream.tell()
    content = np.memmap(path, dtype=np.uint8, mode="r")[start:] if line.endswith(b"\n") else np.empty(0, np.uint8)
    try:
        checksum, head = line[:8], line[9:].rstrip()
        if int(checksum, 16) != zlib.crc32(head):
            raise DamagedError(f"{path}: the first line is damaged")
        layout = json.loads(head)
        if len(content) != layout["size"] or zlib.crc32(content.data) != layout["checksum"]:
            raise DamagedError(f"{path}: the columns are damaged")
        columns = {
            name: _column(content, np.dtype(dtype), shape, offset)
            for name, (dtype, shape, offset) in layout["columns"].items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path}: {error}") from error
    return layout["facts"], columns


def _column(content: NDArray[Any], dtype: np.dtype[Any], shape: list[int], offset: int) -> NDArray[Any]:
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    column: NDArray[Any] = content[offset : offset + size].view(np.ndarray).view(dtype).reshape(shape)
    return column
