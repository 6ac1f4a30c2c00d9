"""Width, height and orientation of many images, from their headers, read once."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lt_bench.data.cache import drop_unused, mark_used
from lt_bench.data.columns import DamagedError, pack, unpack
from lt_bench.errors import UserError
from lt_bench.utils.files import write_atomic

FOLDER = "image_sizes"
UNUSED_DAYS = 90.0
READERS = 8  # threads: most of the time is spent waiting for the disk
BATCH = 1 << 12  # images between two reports of the progress
ORIENTATION = 0x0112  # the EXIF tag
TURNED = (5, 6, 7, 8)  # orientations whose width and height are exchanged

logger = logging.getLogger(__name__)
Report = Callable[[int, int], None]


def read_sizes(
    root: Path, names: Sequence[str], cache: Path | None, report: Report = lambda done, total: None
) -> NDArray[np.int32]:
    """Width, height and EXIF orientation (1 to 8) of each image, int32 [N, 3]: the size as it is loaded, turned.

    names: relative to `root`. What was read before is taken from the cache for files whose size and time of change
    are the same. report(done, total): called from time to time while headers are read. Raises UserError for files that
    are missing or no image.
    """
    stored = None if cache is None else cache / FOLDER / f"{_key(root, names)}.columns"
    stamps = _stamps(root, names)
    known = _known(stored, stamps)
    if (known[:, 0] == 0).any():
        _read_missing(root, names, known, report)
        if stored is not None:
            with suppress(OSError):  # a cache that can't be written costs the next start some minutes
                write_atomic(stored, pack({}, {"stamps": stamps, "sizes": known}))
                drop_unused(stored.parent, UNUSED_DAYS)
    return known


def header(path: Path) -> tuple[int, int, int]:
    """Width, height and orientation of one image. Raises UserError."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            orientation = image.getexif().get(ORIENTATION, 1)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: its size can't be read: {error}", "download it again") from error
    if type(orientation) is not int or not 1 <= orientation <= 8:
        orientation = 1
    return (height, width, orientation) if orientation in TURNED else (width, height, orientation)


def _key(root: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256(os.fsencode(root.resolve()))
    for name in names:
        digest.update(os.fsencode(f"\n{name}"))
    return digest.hexdigest()[:32]


def _stamps(root: Path, names: Sequence[str]) -> NDArray[np.int64]:
    """Size and time of change of each file, [N, 2]."""
    stamps = np.empty((len(names), 2), dtype=np.int64)
    for place, name in enumerate(names):
        try:
            stat = os.stat(os.path.join(root, name))
        except OSError as error:
            raise UserError(f"{root / name}: {error.strerror or error}", "download it again") from error
        stamps[place] = stat.st_size, stat.st_mtime_ns
    return stamps


def _known(stored: Path | None, stamps: NDArray[np.int64]) -> NDArray[np.int32]:
    """What the cache has of files that are as they were; width 0 for all others."""
    sizes = np.zeros((len(stamps), 3), dtype=np.int32)
    if stored is None or not stored.is_file():
        return sizes
    try:
        _, columns = unpack(stored)
    except (OSError, DamagedError) as error:
        logger.warning(f"sizes of images are read again: {error}")
        return sizes
    mark_used(stored)
    same = (columns["stamps"] == stamps).all(axis=1)
    sizes[same] = columns["sizes"][same]
    return sizes


def _read_missing(root: Path, names: Sequence[str], sizes: NDArray[np.int32], report: Report) -> None:
    places = np.flatnonzero(sizes[:, 0] == 0).tolist()
    with ThreadPoolExecutor(READERS) as readers:
        for begin in range(0, len(places), BATCH):
            batch = places[begin : begin + BATCH]
            sizes[batch] = list(readers.map(lambda place: header(root / names[place]), batch))
            report(begin + len(batch), len(places))
