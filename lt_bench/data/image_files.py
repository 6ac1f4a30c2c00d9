"""Which file is an image: in its own split's folder, in any of the usual layouts, and never one of several.

LVIS, COCO           train2017/ and val2017/, also below images/
Ultralytics, YOLO    images/train/ and images/val/
Roboflow             train/ and valid/, also with images/ below
FiftyOne             train/data/ and validation/data/
CVAT                 images/Train/ and images/Validation/
Label Studio         images/, or the folder itself, with subfolders that file_name names
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote

from lt_bench.data.similar_names import IMAGES, SimilarNames
from lt_bench.errors import UserError

Split = Literal["train", "val"]
Place = tuple[str, str]  # folder below the root, "" for the root itself, and name

NAMES: Mapping[Split, tuple[str, ...]] = {
    "train": ("train2017", "train", "training", "Train", "Training"),
    "val": ("val2017", "val", "valid", "validation", "Val", "Valid", "Validation"),
}
FOLDERS: Mapping[Split, tuple[str, ...]] = {
    split: tuple(folder for name in names for folder in (name, f"images/{name}", f"{name}/images", f"{name}/data"))
    for split, names in NAMES.items()
}
CONVERSION = "conversion.json"  # the report that `data convert` writes
SHARED = ("", "images")  # by all splits
SHOWN = 6  # folders that a message names
COCO_FOLDERS = tuple(f"{parent}{split}2017" for parent in ("", "images/") for split in NAMES)
_COCO_2014 = re.compile(r"COCO_(?:train|val|test)2014_(?=\d{12}\.)")
_COCO_HOST = "images.cocodataset.org/"


class ImageFinder:
    """Finds the file of an image below `image_root`.

    split: whose images they are; "train" and "val" have folders of their own in most layouts. None: either's folders.

    An image is named by coco_url, of which the last folder and the name count, or file_name. In order:

    1. A file_name with folders is below them, and they are in the split's folder, in images/ or in the root: where it
       is not there, it is missing, whatever other folder has a file of that name.
    2. coco_url's own folder and name (LVIS v1's validation images lie in train2017 and val2017 both). Where the split
       or file_name says otherwise, and such a file is there too, both fit.
    3. The name in the split's folders; in images/ or the root.
    4. COCO's own images, whose names are unique, in the other split's folder where there is none of their own.

    Where several files fit equally, none is taken. Each folder is listed once, so 100,000 images cost a few system
    calls. Nothing outside `image_root` is ever named, whatever the JSON says.
    """

    def __init__(self, image_root: Path, split: Split | None = None) -> None:
        self.image_root, self.split = Path(image_root), split
        self._listings: dict[str, frozenset[str] | None] = {}
        self._similar = SimilarNames(self._listing)

    def find(self, image: Mapping[str, Any]) -> Path | None:
        """The file of `image`, an entry of LVISFile.images; None when there is none, or several."""
        relative = self.relative(image)
        return None if relative is None else self.image_root / relative

    def relative(self, image: Mapping[str, Any]) -> str | None:
        """The file of `image` relative to `image_root`, with forward slashes; None when there is none, or several."""
        url, file_name = image.get("coco_url") or "", image.get("file_name") or ""
        if "/" not in file_name and "\\" not in file_name:
            folder, _, name = "/".join(url.split("/")[-2:]).partition("/")
            is_said_otherwise = (file_name and file_name != name) or self._is_of_others(folder, url)
            if folder not in ("", ".", "..") and not is_said_otherwise and name in (self._listing(folder) or ()):
                return f"{folder}/{name}"  # nearly always the answer, at a tenth of the time
        found = self.candidates(image)
        return found[0] if len(found) == 1 else None

    def candidates(self, image: Mapping[str, Any]) -> list[str]:
        """All files that fit `image` equally well, relative to `image_root`."""
        for places in self._places(image):
            found: list[str] = []
            for folder, name in dict.fromkeys(places):
                if name in (self._listing(folder) or ()):
                    path = f"{folder}/{name}" if folder else name
                    if not any((self.image_root / path).samefile(self.image_root / other) for other in found):
                        found.append(path)
            if found:
                return found
        return []

    def where(self, image: Mapping[str, Any]) -> str:
        """What the image is called, and where it was looked for, in words."""
        url, file_name = image.get("coco_url") or "", image.get("file_name") or ""
        given = {"file_name": file_name, "coco_url": url}
        names = " or ".join(f"{field} {name}" for field, name in given.items() if name)
        for name in (file_name, url if "://" not in url else ""):
            if PurePosixPath(_forward(name)).is_absolute() or re.match(r"[A-Za-z]:[\\/]", name):
                return f"{names} is an absolute path; name it relative to {self.image_root}"
        folders = sorted({folder for tier in self._places(image) for folder, _ in tier}, key=len)
        if not folders:
            return f"{names or 'an image without a name'} is no name of a file below {self.image_root}"
        there = [f"{folder or '.'}/" for folder in folders if self._listing(folder) is not None]
        missing = [f"{folder}/" for folder in folders if self._listing(folder) is None]
        if there:
            where = f"{names} not found below {self.image_root}: not in {', '.join(there)}"
            return where + self._similar.hint(place for tier in self._places(image) for place in tier)
        more = ", ..." if len(missing) > SHOWN else ""
        return f"{names} not found below {self.image_root}: there is no {', '.join(missing[:SHOWN])}{more}"

    def _places(self, image: Mapping[str, Any]) -> Iterator[list[Place]]:
        """Places where the image can be, the likeliest first; all of a list are equally likely."""
        url, file_name = (image.get("coco_url") or "").split("?")[0], image.get("file_name") or ""
        if "://" in file_name:
            url, file_name = file_name.split("?")[0], ""
        written = _inside(file_name)
        folder, name = _inside(_forward(file_name)) or ("", "")
        if folder:
            own = [_join(base, folder) for base in self._own(folder)]
            yield [(base, name) for base in own]
            literal = [written] if written and written != (folder, name) else []  # a name that has a backslash in it
            yield [*((_join(base, folder), name) for base in SHARED), *literal]
            return
        url_folder, url_name = _inside("/".join(url.split("/")[-2:])) or ("", "")
        given = [each for each in (url_name, unquote(url_name), name) if each]
        names = list(dict.fromkeys([*(_COCO_2014.sub("", each) for each in given), *given]))
        if url_folder:
            yield [(url_folder, url_name), *self._otherwise(url_folder, url, names)]
        folders = self._own(url_folder, of_2014=any(map(_COCO_2014.match, given)))
        if url_folder and self._is_own_folder(url_folder, folders):
            return
        yield [(base, each) for base in folders for each in names]
        yield [(base, each) for base in SHARED for each in names]
        if _COCO_HOST in url and all(self._listing(base) is None for base in folders):
            yield [(base, each) for base in COCO_FOLDERS for each in names]

    def _is_of_others(self, folder: str, url: str) -> bool:
        """Whether the folder that a URL names is the other split's. COCO's images are in either, each once."""
        others = [names for split, names in NAMES.items() if self.split is not None and split != self.split]
        return _COCO_HOST not in url and any(folder in names for names in others)

    def _otherwise(self, folder: str, url: str, names: list[str]) -> Iterator[Place]:
        """Where an image is as well as in its URL's folder, if its split or its file_name is to be believed."""
        other_names = [name for name in names if unquote(name) != unquote(names[0])]
        if self._is_of_others(folder, url):
            yield from ((base, name) for base in FOLDERS[self.split or "train"] for name in names)
        elif other_names and _COCO_HOST not in url:
            yield from ((base, name) for base in (*self._own(folder), *SHARED) for name in other_names)

    def _own(self, folder: str, of_2014: bool = False) -> tuple[str, ...]:
        """The folders of the image's own split: that of the folder that it names, or the finder's."""
        if of_2014:  # COCO's splits of 2014 are others than those of 2017
            return tuple(dict.fromkeys([*COCO_FOLDERS, *(FOLDERS[self.split] if self.split else ())]))
        for split, names in NAMES.items():
            if folder in names[:1]:
                return FOLDERS[split]
        return FOLDERS[self.split] if self.split else (*FOLDERS["train"], *FOLDERS["val"])

    def _is_own_folder(self, folder: str, own: Iterable[str]) -> bool:
        """Whether a URL's folder is one of the user's, and none of a layout: then the image is in there or missing."""
        if folder in {*own, *SHARED} or folder in COCO_FOLDERS:
            return False
        return any(self._listing(_join(base, folder)) is not None for base in (*own, *SHARED))

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


def image_root(root: Path) -> Path:
    """The folder that holds the images of annotations found in `root`: `root`, where it holds none that which a
    conversion (`data convert`) noted, and otherwise the COCO folder in or beside it."""
    own, noted = own_root(root), _noted(root)
    if noted is not None and not holds_images(own):  # COCO's may have images of the same names
        return noted
    return max([own, root / "coco", root.resolve().parent / "coco"], key=holds_images)


def own_root(root: Path) -> Path:
    """`root`, or the folder above where `root` is that of the annotations and the one above has the images."""
    beside = [root.resolve().parent] if root.name == "annotations" else []
    return max([root, *beside], key=holds_images)


def _noted(root: Path) -> Path | None:
    """Where the images of converted annotations were left, as the report of the conversion says."""
    try:
        folder = json.loads((root / CONVERSION).read_text(encoding="utf-8"))["images"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Path(folder) if isinstance(folder, str) else None


def images_near(annotations: Iterable[Path]) -> Path | None:
    """The folder that holds images in a known layout and the annotation files, or their folders; None if there is none.

    Above a folder that is not called annotations, one needs more than some images to be taken for it.
    """
    ranked: dict[Path, int] = {}
    for path in annotations:
        own = path.resolve().parent
        above = own.parent
        ranked[own] = holds_images(own)
        ranked[above] = holds_images(above) if own.name == "annotations" or holds_images(above) > 1 else 0
    best = max(ranked, key=ranked.__getitem__, default=None)
    return best if best is not None and ranked[best] else None


def holds_images(folder: Path) -> int:
    """How much a folder looks like one of images: 2 with folders of both splits or `images`, 1 with less, 0 not."""
    if not (folder.is_dir() and os.access(folder, os.R_OK)):
        return 0
    splits = [any((folder / name).is_dir() for name in names) for names in NAMES.values()]
    if all(splits) or (folder / "images").is_dir():
        return 2
    return int(any(splits) or any(path.suffix.lower() in IMAGES for path in folder.iterdir()))


def split_of(annotations: Path) -> Split | None:
    """The split that the name of an annotation file tells, as in lvis_v1_val.json or train.json; None if it doesn't."""
    words = set(re.split(r"[^a-z]+", annotations.name.lower()))
    found = [split for split, names in NAMES.items() if words & {name.removesuffix("2017") for name in names}]
    return found[0] if len(found) == 1 else None


def _forward(path: str) -> str:
    """A path as POSIX has it: Windows's separators turned."""
    return path.replace("\\", "/")


def _join(*folders: str) -> str:
    return "/".join(filter(None, folders))


def _inside(path: str) -> Place | None:
    """(folder, name) of a relative POSIX path; None when it is empty or could lead outside."""
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or path.startswith("/") or re.match(r"[A-Za-z]:[\\/]", path):
        return None
    return "/".join(parts[:-1]), parts[-1]
