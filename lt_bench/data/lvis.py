"""Reading LVIS-format data: where the files are, what an annotation file holds, which file is an image.

The form is that of LVIS v0.5 and v1 (Gupta et al., LVIS, CVPR 2019). Number, ids, names and counts of the classes
come from the JSON, never from a constant.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.annotation_index import build, digest_of, malformed, open_index
from lt_bench.data.annotation_text import AnnotationText
from lt_bench.data.columns import Columns
from lt_bench.errors import DataNotFoundError, UserError, did_you_mean

DATASETS = {
    "lvis_v1": ("lvis_v1_train.json", "lvis_v1_val.json"),
    "lvis_v0.5": ("lvis_v0.5_train.json", "lvis_v0.5_val.json"),
}
HOW_TO_GET = (
    "To get LVIS: annotations from https://www.lvisdataset.org/dataset, images (train2017.zip and val2017.zip) from "
    "https://cocodataset.org/#download. Unpack them into one folder as annotations/{train}, annotations/{val}, "
    "train2017/ and val2017/, and name that folder with --data-root."
)

_SPLITS = ("train2017", "val2017")
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp"}
_COCO_2014 = re.compile(r"COCO_(?:train|val|test)2014_(?=\d{12}\.)")


@dataclass(frozen=True)
class DataPaths:
    """The annotation files of a data set and the folder in which its images are resolved."""

    dataset: str
    train: Path
    val: Path
    image_root: Path


def find(dataset: str, data_root: Path | None) -> DataPaths:
    """Find the annotation files and the images of `dataset`, a key of DATASETS.

    With `data_root` only there; otherwise in the usual folders under $LT_BENCH_DATA and ./data. Annotations lie in
    annotations/ or beside the images. Raises UserError for an unknown name, and DataNotFoundError that names every
    place where it looked.
    """
    if dataset not in DATASETS:
        raise UserError(f"there is no LVIS data set {dataset!r}", did_you_mean(dataset, DATASETS))
    train, val = DATASETS[dataset]
    looked = []
    for root in _roots(dataset) if data_root is None else [data_root]:
        for folder in (root / "annotations", root):
            missing = [name for name in (train, val) if not (folder / name).is_file()]
            if not missing:
                return DataPaths(dataset, folder / train, folder / val, _image_root(root))
            looked.append(f"  {folder}: " + (f"no {' and no '.join(missing)}" if folder.is_dir() else "no such folder"))
    places = "\n".join(looked)
    raise DataNotFoundError(f"{dataset} was not found. Looked in:\n{places}", HOW_TO_GET.format(train=train, val=val))


def _roots(dataset: str) -> list[Path]:
    """The folders that can hold `dataset` when none is named."""
    given = os.environ.get("LT_BENCH_DATA")
    bases = [Path(given).expanduser()] if given else []
    folders = ("", dataset, dataset.replace(".", "_"), "lvis", "coco")
    return list(dict.fromkeys(base / folder for base in [*bases, Path("data")] for folder in folders))


def _image_root(root: Path) -> Path:
    """The folder that holds the images of annotations found in `root`: `root`, or the COCO folder in or beside it."""

    def holds_images(folder: Path) -> int:
        if not (folder.is_dir() and os.access(folder, os.R_OK)):
            return 0
        if all((folder / split).is_dir() for split in _SPLITS):
            return 2
        usual = any((folder / name).is_dir() for name in (*_SPLITS, "images"))
        return int(usual or any(path.suffix.lower() in _IMAGE_SUFFIXES for path in folder.iterdir()))

    beside = [root.resolve().parent] if root.name == "annotations" else []
    return max([root, *beside, root / "coco", root.resolve().parent / "coco"], key=holds_images)


class Records(Sequence[dict[str, Any]]):
    """Entries of an annotation file, each read from it when it is asked for. span: int64 [N, 2], where each lies."""

    def __init__(self, text: AnnotationText, span: NDArray[np.int64]) -> None:
        self._text, self._span = text, span

    def __len__(self) -> int:
        return len(self._span)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Records:
        if isinstance(index, slice):
            return Records(self._text, self._span[index])
        entry: dict[str, Any] = json.loads(self.raw(index))
        return entry

    def raw(self, index: int) -> bytes:
        """An entry as it stands in the file."""
        start, end = self._span[index].tolist()
        return self._text.read(start, end)

    def raw_at(self, rows: NDArray[np.integer[Any]]) -> list[bytes]:
        """The entries in `rows` as they stand in the file."""
        return self._text.read_all(self._span[rows].tolist())

    def at(self, rows: NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
        """The entries in `rows`, ascending; those that stand side by side are read at once."""
        if not len(rows):
            return []
        if rows[-1] - rows[0] + 1 != len(rows):
            return [self[row] for row in rows.tolist()]
        entries: list[dict[str, Any]] = json.loads(
            b"[%s]" % self._text.read(int(self._span[rows[0], 0]), int(self._span[rows[-1], 1]))
        )
        return entries


@dataclass(frozen=True, eq=False)
class LVISFile:
    """One annotation file, indexed: its annotations stay on disk and are read when they are asked for.

    digest: SHA-256 of the file's bytes, hexadecimal. categories: sorted by id; a class's label is its position.
    version: the form found, "v0.5" when images have a file_name, otherwise "v1" (images have only a coco_url).
    images, annotations: in the file's order. columns: see lt_bench.data.annotation_index.Index.
    cache: the folder of the index, None when there is none on disk.

    Pickled, it is the file's path: whoever loads it maps the same index.
    """

    path: Path
    digest: str
    version: Literal["v1", "v0.5"]
    categories: list[dict[str, Any]] = field(repr=False)
    images: Records = field(repr=False)
    annotations: Records = field(repr=False)
    columns: Columns = field(repr=False)
    cache: Path | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Class names, in label order."""
        return tuple(category["name"] for category in self.categories)

    @cached_property
    def category_ids(self) -> tuple[int, ...]:
        """Label to category id."""
        return tuple(category["id"] for category in self.categories)

    @cached_property
    def label_of(self) -> dict[int, int]:
        """Category id to label."""
        return {category_id: label for label, category_id in enumerate(self.category_ids)}

    @property
    def image_ids(self) -> list[int]:
        """In the file's order."""
        ids: list[int] = self.columns["image_id"].tolist()
        return ids

    def image_names(self) -> list[dict[str, str]]:
        """coco_url and file_name of each image, as far as it has them: what an ImageFinder needs."""
        names: list[dict[str, str]] = json.loads(self.columns["names"].tobytes())
        return names

    def rows_of(self, image: int) -> NDArray[np.int32]:
        """The positions of an image's annotations among all, in the file's order. image: the image's position."""
        first = self.columns["first"]
        rows: NDArray[np.int32] = self.columns["by_image"][first[image] : first[image + 1]]
        return rows

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_again, (self.path, self.digest, self.cache)


def load(path: Path, cache: Path | None = None, rehash: bool = True, complete: bool = True) -> LVISFile:
    """Read an annotation file in the form of LVIS v1 or v0.5.

    cache: where the index of the file is kept, so that it is parsed once and not at each start; None keeps nothing.
    rehash: whether to look at the file's content even if nobody touched it since it was last looked at.
    complete: whether to refuse a file without the classes' names and counts or the images' names, which evaluating
    does not need.

    Raises UserError when it is missing, cut off, no JSON or not of that form. Whether its content is consistent is
    the concern of lt_bench.data.verify.
    """
    path = Path(path)
    text = AnnotationText(path)
    index = build(path) if cache is None else open_index(path, digest_of(path, cache, rehash), cache)
    text.check()
    images, annotations = (Records(text, index.columns[f"{key}_span"]) for key in ("image", "annotation"))
    facts = index.facts
    if complete and facts["incomplete"]:
        raise malformed(path, facts["incomplete"])
    return LVISFile(
        path, facts["digest"], facts["version"], facts["categories"], images, annotations, index.columns, cache
    )


def _load_again(path: Path, digest: str, cache: Path | None) -> LVISFile:
    file = load(path, cache, rehash=False, complete=False)
    if file.digest != digest:
        raise UserError(f"{path} was changed while it was in use", "start again")
    return file


class ImageFinder:
    """Finds the file of an image under `image_root`, whichever layout the folder has.

    Candidates in order: the last two parts of coco_url (LVIS v1's validation images lie in train2017 and val2017
    both), file_name as it is, its name of 2017 in train2017 and val2017, then the name in images/ and in `image_root`
    itself. Each folder is listed once, so 100,000 images cost a few system calls. Nothing outside `image_root` is
    ever named, whatever the JSON says.
    """

    def __init__(self, image_root: Path) -> None:
        self.image_root = Path(image_root)
        self._listings: dict[str, frozenset[str] | None] = {}

    def find(self, image: Mapping[str, Any]) -> Path | None:
        """The file of `image`, an entry of LVISFile.images; None when there is none."""
        relative = self.relative(image)
        return None if relative is None else self.image_root / relative

    def relative(self, image: Mapping[str, Any]) -> str | None:
        """The file of `image` relative to `image_root`, with forward slashes; None when there is none."""
        folder, _, name = "/".join(image.get("coco_url", "").split("/")[-2:]).partition("/")
        if folder not in ("", ".", "..") and name in (self._listing(folder) or ()):
            return f"{folder}/{name}"  # the first candidate, and nearly always the answer, at a tenth of the time
        for folder, name in self._candidates(image):
            if name in (self._listing(folder) or ()):
                return f"{folder}/{name}" if folder else name
        return None

    def _candidates(self, image: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """(folder, name) of every place where the file of `image` can be, likeliest first."""
        url = "/".join(image.get("coco_url", "").split("/")[-2:])
        named = [place for place in (_inside(url), _inside(image.get("file_name", ""))) if place]
        yield from named
        names = list(dict.fromkeys(_COCO_2014.sub("", name) for _, name in named))
        names += [name for _, name in named if name not in names]
        for parent in ("", "images"):
            # Names are unique over COCO's splits, but not in every data set: another split's folder stands in only
            # where the image's own folder does not exist.
            own = {f"{parent}/{folder}".strip("/") for folder, _ in named if folder in _SPLITS}
            folders = {f"{parent}/{split}".strip("/"): None for split in _SPLITS}
            existing = [folder for folder in folders if folder in own and self._listing(folder) is not None]
            yield from ((folder, name) for folder in existing or folders for name in names)
        yield from ((folder, name) for folder in ("images", "") for name in names)

    def _listing(self, folder: str) -> frozenset[str] | None:
        """The files in a folder under `image_root`; None when there is no such folder."""
        if folder not in self._listings:
            try:
                with os.scandir(self.image_root / folder) as entries:
                    self._listings[folder] = frozenset(entry.name for entry in entries if entry.is_file())
            except PermissionError as error:
                raise UserError(f"{error.filename}: no permission to list it", "Make the folder readable.") from error
            except (OSError, ValueError):  # missing, no folder, or no name that the system allows
                self._listings[folder] = None
        return self._listings[folder]


def _inside(path: str) -> tuple[str, str] | None:
    """(folder, name) of a relative POSIX path; None when it is empty or could lead outside."""
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or path.startswith("/"):
        return None
    return "/".join(parts[:-1]), parts[-1]
