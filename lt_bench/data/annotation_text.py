"""The text of an annotation file, read in pieces where an index says that they are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lt_bench.data.annotation_index.entries import unreadable
from lt_bench.errors import UserError


class AnnotationText:
    """An open annotation file. Processes that are forked from this one share it, for a read moves no position.

    Raises UserError when it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise unreadable(path, error) from error
        self._state = self._now()

    def read(self, start: int, end: int) -> bytes:
        """The bytes [start, end). Raises UserError when the file is no longer the one that was opened."""
        return self.read_all([(start, end)])[0]

    def read_all(self, spans: Iterable[tuple[int, int]]) -> list[bytes]:
        """The bytes [start, end) of each span. Raises UserError when the file is no longer the one that was opened."""
        contents = [os.pread(self._handle, end - start, start) for start, end in spans]
        self.check()
        return contents

    def check(self) -> None:
        """Raises UserError when the file was written since it was opened."""
        if self._now() != self._state:
            raise UserError(f"{self.path} was changed while it was in use", "start again")

    def _now(self) -> tuple[int, int]:
        stat = os.fstat(self._handle)
        return stat.st_size, stat.st_mtime_ns

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
