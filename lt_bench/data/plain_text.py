"""An annotation file as plain UTF-8 on disk, so that any part of it can be read: the file itself, or a copy."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from lt_bench.data.annotation_index.digest import FOLDER, digest_of
from lt_bench.data.annotation_index.entries import unreadable
from lt_bench.data.text_source import BLOCK, is_plain, open_text_source
from lt_bench.utils.files import sha256_of, write_atomic
from lt_bench.utils.locks import locked


class Plain(NamedTuple):
    """path: of the text. digest: its SHA-256, "" without a cache. original: that of the file, where it is a copy."""

    path: Path
    digest: str
    original: str = ""


@contextmanager
def plain_text(path: Path, cache: Path | None, rehash: bool = True) -> Iterator[Plain]:
    """The file at `path`, or a copy of it if it is packed by gzip or in another encoding than UTF-8.

    The copy lies in the cache, under the digest of the file, until it is dropped and made again; without a cache it is
    gone after the context, but stays readable for whoever has opened it. Raises UserError for a file that is missing,
    damaged, or in another form.
    """
    try:
        if is_plain(path):
            with open_text_source(path):  # which refuses archives by name
                pass
            yield Plain(path, "" if cache is None else digest_of(path, cache, rehash))
            return
        original = sha256_of(path) if cache is None else digest_of(path, cache, rehash)
    except OSError as error:
        raise unreadable(path, error) from error
    copy = None
    if cache is not None:
        with suppress(OSError):  # a cache that can't be written
            copy = _in_cache(path, original, cache, rehash)
    if copy is not None:
        yield Plain(copy, copy.name.split(".")[1], original)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        yield Plain(copy, write_atomic(copy, _pieces(path)), original)


def _in_cache(path: Path, original: str, cache: Path, rehash: bool) -> Path:
    """The copy, whose name holds its own digest as well, made where there is none that has it."""
    folder = cache / FOLDER
    with locked(folder / f".{original}.text.lock"):
        for copy in folder.glob(f"{original}.*.json"):
            if digest_of(copy, cache, rehash) == copy.name.split(".")[1]:
                return copy
            copy.unlink()
        whole = folder / f"{original}.json"
        digest = write_atomic(whole, _pieces(path))
        copy = folder / f"{original}.{digest}.json"
        os.replace(whole, copy)
        return copy


def _pieces(path: Path) -> Iterator[bytes]:
    with open_text_source(path) as stream:
        yield from iter(lambda: stream.read(BLOCK), b"")
