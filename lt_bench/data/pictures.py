"""Whether the image files of an annotation file are there, can be decoded, and have the size that it says."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from lt_bench.data.decoding import Picture, UndecodableError, decode, silent
from lt_bench.data.image_files import ImageFinder
from lt_bench.data.lvis import LVISFile
from lt_bench.data.problem import AMBIGUOUS_IMAGE, IMAGE_SIZE, MISSING_IMAGE, UNREADABLE_IMAGE, Problem

Progress = Callable[[int, int], None]


class Shown(NamedTuple):
    """An image of an annotation file, and its picture. turned: by EXIF while it is loaded, into another one of its
    size."""

    image_id: int
    file: str
    turned: bool


Contents = dict[str, list[Shown]]  # what tells a picture from others: the images that are it


def check_pictures(
    file: LVISFile, finder: ImageFinder, read: bool, contents: Contents, progress: Progress | None = None
) -> Iterator[Problem]:
    """read: also decode every image, in threads (the decoders release the interpreter lock). contents: takes what each
    image shows, by the digest of its file or, where nothing is read, the file's name."""
    images = list(zip(file.image_ids, file.columns["image_size"].tolist(), file.image_names(), strict=True))

    def examine(image: tuple[int, list[int], Mapping[str, Any]]) -> tuple[Shown, str, Problem | None]:
        image_id, stated, names = image
        relative = finder.relative(names)
        if relative is None:
            return Shown(image_id, "", False), "", _not_found(image_id, names, finder)
        path = finder.image_root / relative
        if not read:
            return Shown(image_id, relative, False), relative, None
        picture, problem = _decoded(image_id, path, stated)
        turned = picture is not None and picture.turned and problem is None
        return Shown(image_id, relative, turned), "" if picture is None else picture.digest, problem

    pool = ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1) if read else 1)
    try:
        with silent():
            for done, (shown, content, problem) in enumerate(pool.map(examine, images), start=1):
                if problem is not None:
                    yield problem
                if content:
                    contents.setdefault(content, []).append(shown)
                if progress is not None:
                    progress(done, len(images))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted check stops at once, not after 100,000 images


def digest_of_pictures(contents: Iterable[Contents]) -> str:
    """SHA-256 (hex) of which image shows which picture. contents: of each split, by the digests of the files."""
    digest = hashlib.sha256()
    for own in contents:
        shown = sorted((image.image_id, content) for content, images in own.items() for image in images)
        digest.update(json.dumps(shown).encode())
    return digest.hexdigest()


def _not_found(image_id: int, names: Mapping[str, Any], finder: ImageFinder) -> Problem:
    several = finder.candidates(names)
    if several:
        called = " or ".join(f"{field} {name}" for field, name in names.items())
        detail = f"{called} can be {', '.join(several)} below {finder.image_root}"
        return Problem(AMBIGUOUS_IMAGE, f"image {image_id}", detail, image_id)
    return Problem(MISSING_IMAGE, f"image {image_id}", finder.where(names), image_id)


def _decoded(image_id: int, path: Path, stated: list[int]) -> tuple[Picture | None, Problem | None]:
    """An image's picture, None if it can't be read, and what is wrong with it."""
    where = f"image {image_id}"
    try:
        picture = decode(path)
    except (UndecodableError, OSError) as error:
        return None, Problem(UNREADABLE_IMAGE, where, f"{path}: {error}", image_id)
    if [picture.width, picture.height] != stated:
        found = f"{path} is {picture.width} x {picture.height} as it is loaded"
        detail = f"{found}, not width {stated[0]} x height {stated[1]}"
        return picture, Problem(IMAGE_SIZE, where, detail, image_id)
    return picture, None
