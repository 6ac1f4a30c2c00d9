"""Images as a detector's loader reads them: by OpenCV, from memory, in colour, turned by their EXIF orientation."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those that begin a JPEG's frame, with its size

_TIFF = (b"II*\0", b"MM\0*")


class Picture(NamedTuple):
    """width, height: pixels, as loaded. digest: SHA-256 (hex) of the file. turned: by its EXIF orientation, into a
    picture of the size that it has in the file, so that the size doesn't tell."""

    width: int
    height: int
    digest: str
    turned: bool


class UndecodableError(ValueError):
    """The loader can't read the file."""


def decode(path: Path) -> Picture:
    """Decode all of an image file. Raises UndecodableError and OSError.

    A JPEG is decoded at an eighth of its size, which takes half the time and reads all of it as well: OpenCV gives
    nothing of one that is cut off.
    """
    content = path.read_bytes()
    width, height = _size(content)
    return Picture(width, height, hashlib.sha256(content).hexdigest(), _is_turned(content, width == height))


def _size(content: bytes) -> tuple[int, int]:
    stated = _jpeg_size(content)
    if stated is not None:
        height, width = _shape(content, cv2.IMREAD_REDUCED_COLOR_8)
        for size in (stated, stated[::-1]):  # turned by EXIF or not, which its eighth tells where they differ
            if (-(-size[0] // 8), -(-size[1] // 8)) == (width, height) and -(-size[1] // 8) != width:
                return size
    height, width = _shape(content, cv2.IMREAD_COLOR)
    return width, height


def _is_turned(content: bytes, square: bool) -> bool:
    """Orientations 2 to 4 mirror a picture or turn it by 180 degrees, 5 to 8 exchange its sides as well."""
    if not content.startswith(_TIFF) and not any(mark in content for mark in (b"Exif", b"eXIf")):
        return False
    try:
        with Image.open(io.BytesIO(content)) as image:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # decoders raise many kinds of exceptions on damaged bytes
        return False
    return orientation in (2, 3, 4) or (orientation in (5, 6, 7, 8) and square)


def _shape(content: bytes, flags: int) -> tuple[int, int]:
    """Height and width."""
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error as error:
        raise UndecodableError(f"OpenCV can't decode it: {error.err or error}") from error
    if pixels is None:
        raise UndecodableError(f"OpenCV can't decode it: {_seen_by_pillow(content)}")
    return pixels.shape[0], pixels.shape[1]


def _seen_by_pillow(content: bytes) -> str:
    """Why not, as far as another decoder tells."""
    if not content:
        return "it is empty"
    try:
        with Image.open(io.BytesIO(content)) as image:
            form = f"{image.format}, mode {image.mode}, {image.size[0]} x {image.size[1]}"
            try:
                image.load()
            except Exception as error:  # decoders raise many kinds of exceptions on damaged bytes
                return f"cut off or damaged ({form}: {error})"
            return f"{form}, a form that it does not know; save it as JPEG or PNG of 8 bits"
    except Exception:  # nothing is lost: who calls this raises what OpenCV said, and only lacks a better reason
        return f"no image, or one that is damaged; it starts with {content[:12]!r}"


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG's header states; None for another file."""
    place = 2
    if content[:2] != b"\xff\xd8":
        return None
    while content[place : place + 1] == b"\xff" and place + 1 < len(content):
        marker = content[place + 1]
        if marker in _START_OF_FRAME:
            height, width = (int.from_bytes(content[place + at : place + at + 2], "big") for at in (5, 7))
            return (width, height) if width and height else None
        if marker == 0xFF:  # a filling byte
            place += 1
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return None


@contextmanager
def silent() -> Iterator[None]:
    """OpenCV says nothing of what it can't decode: who calls it does."""
    before = cv2.getLogLevel()
    cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(before)
