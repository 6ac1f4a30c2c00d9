"""The SHA-256 of an annotation file: noted in the cache, or taken while the file is read."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from lt_bench.data.annotation_index.entries import unreadable
from lt_bench.data.json_stream import Readable
from lt_bench.utils.files import sha256_of, write_atomic

FOLDER = "annotations"  # of the cache


def digest_of(path: Path, cache: Path, rehash: bool = True) -> str:
    """The SHA-256 (hex) of an annotation file.

    The cache keeps a note of it for the other processes of a run: without `rehash` the note is believed as long as
    nobody touched the file. Raises UserError when the file can't be read.
    """
    note = cache / FOLDER / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.digest"
    try:
        stamp = stamp_of(path.stat())
        noted = None if rehash else _noted(note, stamp)
        if noted is not None:
            return noted
        digest = sha256_of(path)
    except OSError as error:
        raise unreadable(path, error) from error
    with suppress(OSError):
        write_atomic(note, [json.dumps([stamp, digest]).encode()])
    return digest


def stamp_of(stat: os.stat_result) -> list[int]:
    """What changes when a file is written, replaced or renamed. Its owner can set its mtime, but not its ctime."""
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _noted(note: Path, stamp: list[int]) -> str | None:
    try:
        noted, digest = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None
    return str(digest) if noted == stamp else None


class HashedStream:
    """A stream, and the SHA-256 of what was read of it."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self.sha256 = stream, hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self.sha256.update(content)
        return content
