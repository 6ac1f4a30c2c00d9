"""Text files that people bring, as UTF-8: packed with gzip or not, in UTF-8, UTF-16 or UTF-32."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lt_bench.errors import UserError

BLOCK = 1 << 20  # characters that are encoded anew at a time
GZIP = b"\x1f\x8b"
# What else is found under such names, by its first bytes; the decoders of Python read none of it as text.
PACKED = {
    b"PK\x03\x04": "a ZIP archive (which .pt, .pth and .npz files are too)",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
}
OTHER_FORMS = {
    b"PAR1": "a Parquet file",
    b"version https://git-lfs": "a pointer of Git LFS and not the file itself (`git lfs pull` fetches it)",
    **{bytes((0x80, protocol)): "a pickle of Python" for protocol in range(2, 6)},
    b"\x93NUMPY": "a NumPy file",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF file",
    b"<": "HTML or XML",
}
_LONGEST_HEAD = max(map(len, (*PACKED, *OTHER_FORMS)))


@contextmanager
def open_text_source(path: Path) -> Iterator[BinaryIO]:
    """The text of a file as bytes of UTF-8, unpacked and without a byte order mark. Not seekable, of bounded memory.

    The encoding is told by the mark or, as JSON starts with ASCII, by where the first bytes are zero. Bytes of a UTF-8
    file are passed on as they are. Raises OSError when the file can't be read, and UserError, also while it is read,
    for an archive or another packing, a gzip file that is cut off or damaged, and text that is no UTF-16 or UTF-32.
    """
    with path.open("rb", buffering=0) as stream:
        head = _head(stream)
        packed = head.startswith(GZIP)
        source: BinaryIO = stream
        if packed:
            source = io.BufferedReader(_Source(path, gzip.GzipFile(fileobj=stream).read), BLOCK)
            head = source.peek(_LONGEST_HEAD)[:_LONGEST_HEAD]
        for start, form in (*PACKED.items(), *OTHER_FORMS.items()):
            if head.startswith(start):
                remedy = "Unpack it and name the file inside." if start in PACKED else "Name the JSON file."
                raise UserError(f"{path} is {form}", remedy)
        encoding = json.detect_encoding(head)
        if encoding == "utf-8-sig":
            source.read(len(codecs.BOM_UTF8))
        elif encoding != "utf-8":
            text = io.TextIOWrapper(source, encoding, newline="")
            yield io.BufferedReader(_Source(path, lambda size: text.read(BLOCK).encode()), BLOCK)
            text.detach()
            return
        yield source


def is_plain(path: Path) -> bool:
    """Whether a file is UTF-8 as it is, but for a mark, so that places in its text are places in the file."""
    with path.open("rb", buffering=0) as stream:
        head = _head(stream)
    return not head.startswith(GZIP) and json.detect_encoding(head).startswith("utf-8")


def _head(stream: BinaryIO) -> bytes:
    head = stream.read(_LONGEST_HEAD)
    stream.seek(0)
    return head


class _Source(io.RawIOBase):
    """What `read` gives, with the name of the file in whatever it raises. It may give more or less than it is asked."""

    def __init__(self, path: Path, read: Callable[[int], bytes]) -> None:
        self._path, self._read, self._rest = path, read, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            self._rest = self._rest or self._read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{self._path}: cut off or damaged: {error}", "Get it once more, or unpack it.") from error
        except UnicodeError as error:
            raise UserError(f"{self._path}: damaged text: {error}", "Save it as UTF-8.") from error
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
