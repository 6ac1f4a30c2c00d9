"""Reading LVIS-format data: where the files are, what an annotation file holds, which file is an image.

The form is that of LVIS v0.5 and v1 (Gupta et al., LVIS, CVPR 2019). Number, ids, names and counts of the classes
come from the JSON, never from a constant.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from lt_bench.errors import DataNotFoundError, UserError, did_you_mean

if TYPE_CHECKING:
    from lt_bench.interface import ClassStats

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

_NUMBER = (int, float)
_CATEGORY = {"id": (int,), "name": (str,), "frequency": (str,), "image_count": (int,), "instance_count": (int,)}
_IMAGE = {
    "id": (int,),
    "width": (int,),
    "height": (int,),
    "neg_category_ids": (list,),
    "not_exhaustive_category_ids": (list,),
}
_ANNOTATION = {
    "id": (int,),
    "image_id": (int,),
    "category_id": (int,),
    "bbox": (list,),
    "area": _NUMBER,
    "segmentation": (list, dict),
}


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


@dataclass(frozen=True)
class LVISFile:
    """One annotation file, as parsed.

    digest: SHA-256 of the file's bytes, hexadecimal. categories: sorted by id; a class's label is its position.
    version: the form found, "v0.5" when images have a file_name, otherwise "v1" (images have only a coco_url).
    """

    path: Path
    digest: str
    version: Literal["v1", "v0.5"]
    images: list[dict[str, Any]] = field(repr=False)
    annotations: list[dict[str, Any]] = field(repr=False)
    categories: list[dict[str, Any]] = field(repr=False)

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

    def stats(self) -> ClassStats:
        """The class counts that the file itself states; warns of classes without a training instance."""
        from lt_bench.interface import ClassStats

        return ClassStats.from_categories({"categories": self.categories, "images": self.images}, str(self.path))


def load(path: Path) -> LVISFile:
    """Read an annotation file in the form of LVIS v1 or v0.5.

    Raises UserError when it is missing, cut off, no JSON or not of that form. Whether its content is consistent is
    the concern of lt_bench.data.verify.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}", "Give the path of an LVIS JSON.") from error
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        remedy = "The file may be cut off or still packed: download or unpack it again."
        raise UserError(f"{path}: not JSON ({len(content)} bytes): {error}", remedy) from error
    digest = hashlib.sha256(content).hexdigest()
    del content  # as large as the parsed strings: 1.1 GB for LVIS v1's training set
    return _parse(data, path, digest)


def _parse(data: Any, path: Path, digest: str) -> LVISFile:
    """Check that `data`, the parsed JSON of `path`, has LVIS's form."""
    if not isinstance(data, dict):
        raise _malformed(path, f"the top level is {_type(data)}, expected an object")
    categories = sorted(_entries(data, "categories", _CATEGORY, path), key=lambda category: category["id"])
    images = _entries(data, "images", _IMAGE, path)
    annotations = _entries(data, "annotations", _ANNOTATION, path)
    for key, entries in (("categories", categories), ("images", images)):
        if not entries:
            raise _malformed(path, f"{key!r} is empty")
    for before, after in pairwise(categories):
        if before["id"] == after["id"]:
            raise _malformed(path, f"category id {after['id']} occurs twice: {before['name']!r} and {after['name']!r}")
    for category in categories:
        if min(category["image_count"], category["instance_count"]) < 0:
            raise _malformed(path, f"category {category['id']} ({category['name']!r}) has a negative count")
        if category["frequency"] not in ("r", "c", "f"):
            raise _malformed(path, f"category {category['id']}: frequency is {category['frequency']!r}, not r, c or f")
    for index, annotation in enumerate(annotations):
        box = annotation["bbox"]
        if len(box) != 4 or any(type(value) not in _NUMBER for value in box):
            raise _malformed(path, f"annotations[{index}]: bbox is {box!r:.60}, expected four numbers x, y, w, h")
    for index, image in enumerate(images):
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            if any(type(value) is not int for value in image[key]):
                raise _malformed(path, f"images[{index}]: {key} holds something else than category ids")
        present = [key for key in ("file_name", "coco_url") if key in image]
        if not present:
            raise _malformed(path, f"images[{index}] has neither 'coco_url' (v1) nor 'file_name' (v0.5)")
        for key in present:
            if type(image[key]) is not str:
                raise _malformed(path, f"images[{index}]: {key!r} is {_type(image[key])}, expected a string")
    version: Literal["v1", "v0.5"] = "v0.5" if any("file_name" in image for image in images) else "v1"
    return LVISFile(path, digest, version, images, annotations, categories)


def _entries(
    data: dict[str, Any], key: str, fields: Mapping[str, tuple[type, ...]], path: Path
) -> list[dict[str, Any]]:
    """The list `data[key]`, each entry an object with `fields` of the given types."""
    if key not in data:
        raise _malformed(path, f"{key!r} is missing")
    entries = data[key]
    if not isinstance(entries, list):
        raise _malformed(path, f"{key!r} is {_type(entries)}, expected a list")
    for index, entry in enumerate(entries):
        if type(entry) is not dict:
            raise _malformed(path, f"{key}[{index}] is {_type(entry)}, expected an object")
        for name, types in fields.items():
            if name not in entry:
                raise _malformed(path, f"{key}[{index}] has no {name!r}")
            # the exact type: JSON's true is no number, although Python's bool is an int
            if type(entry[name]) not in types:
                expected = " or ".join(kind.__name__ for kind in types)
                raise _malformed(path, f"{key}[{index}]: {name!r} is {_type(entry[name])}, expected {expected}")
    return entries


def _type(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _malformed(path: Path, message: str) -> UserError:
    remedy = "Expected the form of https://www.lvisdataset.org/dataset; COCO's own annotations lack parts of it."
    return UserError(f"{path}: not an LVIS annotation file: {message}", remedy)


def targets(file: LVISFile, exclude: Collection[int] = ()) -> dict[int, list[dict[str, Any]]]:
    """The annotations of each image, by image id in the file's order, without the images in `exclude`.

    An image without annotations has an empty list. Annotations of an image that the file does not list are left out;
    lt_bench.data.verify names them.
    """
    left_out = frozenset(exclude)
    grouped: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in file.images if image["id"] not in left_out}
    for annotation in file.annotations:
        group = grouped.get(annotation["image_id"])
        if group is not None:
            group.append(annotation)
    return grouped


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
