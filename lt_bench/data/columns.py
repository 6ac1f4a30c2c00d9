"""Arrays and a few facts in one file: read by mapping it into memory, which all processes of a machine share.

The file is a checksum of what follows it, and then Arrow tensors: JSON (the facts, and name and type of each array),
and the arrays.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

START = 64  # where the tensors start, so that they are aligned
Columns = dict[str, NDArray[Any]]


class DamagedError(ValueError):
    """The file is not what `pack` made."""


def pack(facts: Mapping[str, Any], columns: Mapping[str, NDArray[Any]]) -> Iterator[bytes]:
    """The bytes of such a file. facts: what JSON can hold."""
    types = {name: column.dtype.str for name, column in columns.items()}
    head = json.dumps({"facts": facts, "types": types}).encode()
    stream = pa.BufferOutputStream()
    for column in (np.frombuffer(head, dtype=np.uint8), *columns.values()):
        pa.ipc.write_tensor(pa.Tensor.from_numpy(np.ascontiguousarray(column)), stream)
    content = stream.getvalue()
    yield _checksum(content)
    yield content


def unpack(path: Path) -> tuple[dict[str, Any], Columns]:
    """(facts, columns) of a file; the columns are mapped, read-only. All of it is checked.

    Raises OSError when it can't be read and DamagedError when a byte is not as it was written.
    """
    if not path.stat().st_size:
        raise DamagedError(f"{path}: it is empty")  # which can't be mapped
    content = pa.memory_map(str(path)).read_buffer()
    if bytes(content[:START]) != _checksum(content[START:]):
        raise DamagedError(f"{path}: its content does not fit its checksum")
    stream = pa.BufferReader(content[START:])
    head = json.loads(pa.ipc.read_tensor(stream).to_numpy().tobytes())
    # Arrow has no tensors of booleans, and reads them as bytes
    return head["facts"], {
        name: pa.ipc.read_tensor(stream).to_numpy().view(dtype) for name, dtype in head["types"].items()
    }


def _checksum(content: Any) -> bytes:
    return (b"%08x" % zlib.crc32(content)).ljust(START)
