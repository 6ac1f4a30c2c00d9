"""Where the images and the masks of a split are."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from lt_bench.data.image_files import FOLDERS, SHARED, ImageFinder, Split, images_near
from lt_bench.errors import DataNotFoundError, UserError

# The archives of the training images unpack to train_0/ to train_f/, by the first digit of the id.
PARTS = [f"train_{digit}" for digit in "0123456789abcdef"]
_PICTURES = (".jpg", ".png")
_OTHER = {"train": re.compile(r"(?<![a-z])(?:val|valid|validation|test)(?![a-z])"), "val": re.compile(r"train|test")}
_DEPTH = 2  # folders below one of masks


def images_root(files: Iterable[Path], images: Path | None) -> Path:
    """The folder below which the images are: `images` if it was given, else one that has some, beside the tables."""
    files = list(files)
    if images is not None:
        return images
    found = images_near(files) or next((path for path in _above(files) if _has_parts(path)), None)
    if found is None:
        looked = ", ".join(dict.fromkeys(str(path.resolve().parent) for path in files))
        raise DataNotFoundError(
            f"no images were found beside {looked}, and the coordinates of Open Images are parts of an image's size",
            "put them into train/ and validation/, in the folder of the tables or the one above, or name with --images "
            "the folder that holds these",
        )
    return found


def _above(files: Iterable[Path]) -> Iterator[Path]:
    for path in files:
        yield from path.resolve().parents[:2]


def _has_parts(folder: Path) -> bool:
    return any((folder / part).is_dir() for part in PARTS)


def find_images(root: Path, split: Split, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of each image `file_name` as LVIS's form has it, and the file relative to `root`.

    Raises DataNotFoundError with the number of images that are not there, and UserError for one that is there twice.
    """
    finder = ImageFinder(root, split)
    names, paths, missing = [], [], []
    for image_id in ids:
        own = f"{image_id}.jpg"
        for name in (own, f"train_{image_id[:1]}/{own}") if split == "train" else (own,):
            found = finder.relative({"file_name": name})
            if found is not None:
                names.append(name)
                paths.append(found)
                break
            if len(several := finder.candidates({"file_name": name})) > 1:
                raise UserError(f"{name} is there twice below {root}: {', '.join(several)}", "keep one of them")
        else:
            missing.append(image_id)
    if missing:
        where = finder.where({"file_name": f"{missing[0]}.jpg"})
        raise DataNotFoundError(
            f"{split}: {len(missing):,} of {len(ids):,} images are not there, and the coordinates of Open Images are "
            f"parts of an image's size: {where}",
            "download them, or take their rows out of the tables, and say that it is a part of the data set",
        )
    return names, paths


def images_digest(root: Path, split: Split) -> str:
    """SHA-256 of the names and sizes of all files that can be images of a split."""
    parts = PARTS if split == "train" else []
    return _digest(root, [root / folder for folder in (*FOLDERS[split], *SHARED, *parts)])


class MaskFiles:
    """The PNG files of the masks: below folders with `mask` in their name, in those of the table, above, or of the
    images; or beside the table."""

    def __init__(self, table: Path, root: Path, split: Split) -> None:
        self.table = table
        own = table.resolve().parent
        tops = list(dict.fromkeys([own, own.parent, root.resolve()]))
        inside = [below for top in tops for folder in _subfolders(top) for below in _masks(top, folder, split)]
        self.folders = list(dict.fromkeys([*inside, own]))
        self._last: dict[str, int] = {}  # the place of the folder of the last mask with the same first digit

    def find(self, name: str) -> Path:
        """Raises DataNotFoundError."""
        last = self._last.get(name[:1], 0)
        for place in (last, *(each for each in range(len(self.folders)) if each != last)):
            path = self.folders[place] / name
            if path.is_file():
                self._last[name[:1]] = place
                return path
        raise DataNotFoundError(
            f"{self.table}: its mask {name} is not there. Looked in: {', '.join(map(str, self.folders[:8]))}",
            "unpack the archives of the masks into folders with `mask` in their name, beside the table",
        )

    def refuse_missing(self, names: Iterable[str]) -> None:
        """Raises DataNotFoundError, before hours are spent on those that are there, if one of them is not."""
        missing, first, total = 0, None, 0
        for name in names:
            total += 1
            try:
                self.find(name)
            except DataNotFoundError as error:
                missing, first = missing + 1, first or error
        if first is not None:
            raise DataNotFoundError(f"{missing:,} of {total:,} masks are not there: {first.message}", first.remedy)

    def digest(self) -> str:
        """SHA-256 of the names and sizes of all of them."""
        return _digest(self.table.resolve().parent, self.folders)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _masks(top: Path, folder: Path, split: Split) -> Iterator[Path]:
    if "mask" in folder.name.lower():
        yield from _below(top, folder, split, _DEPTH)


def _below(top: Path, folder: Path, split: Split, depth: int) -> Iterator[Path]:
    if _OTHER[split].search(str(folder.relative_to(top)).lower()):
        return
    yield folder
    if depth:
        for path in _subfolders(folder):
            yield from _below(top, path, split, depth - 1)


def _digest(base: Path, folders: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                files = sorted(
                    f"{entry.name} {entry.stat().st_size}" for entry in entries if entry.name.endswith(_PICTURES)
                )
        except OSError:
            continue
        where = os.path.relpath(folder, base)
        digest.update(os.fsencode("\n".join([where, *files, ""])))
    return digest.hexdigest()
