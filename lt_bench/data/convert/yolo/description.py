"""What data.yaml says: the classes, and the images of each split."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lt_bench.data.image_files import Split
from lt_bench.errors import DataNotFoundError, UserError

KEYS: Mapping[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "validation", "valid")}
PREFERRED = ("data.yaml", "data.yml", "dataset.yaml")
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
EXPECTED = "names and train, as https://docs.ultralytics.com/datasets/detect describes it"


@dataclass(frozen=True)
class Description:
    """path: of data.yaml. names: of the classes, in the order of their numbers. images: absolute paths by split, in
    order. keypoints: how many numbers follow the box in a line of a pose data set, 0 in others."""

    path: Path
    names: tuple[str, ...]
    images: Mapping[Split, tuple[Path, ...]]
    keypoints: int = 0


def read(given: Sequence[str]) -> Description:
    """given: the path of data.yaml, or of the folder that holds it. Raises UserError."""
    if len(given) != 1:
        raise UserError(f"{len(given)} paths were named", "name data.yaml alone, or its folder: it names both splits")
    path = _file(Path(given[0]))
    content = _content(path)
    keypoints = content.get("kpt_shape") or [0, 0]
    if not (isinstance(keypoints, list) and len(keypoints) == 2 and all(type(each) is int for each in keypoints)):
        raise UserError(f"{path}: kpt_shape is {keypoints!r}", "give number of points and of values, such as [17, 3]")
    images: dict[Split, tuple[Path, ...]] = {}
    for split, keys in KEYS.items():
        value = next((content[key] for key in keys if content.get(key)), None)
        if value is not None:
            images[split] = _images(path, split, content.get("path"), value)
    if not images:
        raise UserError(f"{path}: it names no images of training or validation", f"give it {EXPECTED}")
    return Description(path, _names(path, content), images, keypoints[0] * keypoints[1])


def _file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataNotFoundError(f"{path}: no such file or folder", "name data.yaml, or the folder that holds it")
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in (".yaml", ".yml") and each.is_file())
    best = [each for each in found if each.name in PREFERRED] or found
    if not best:
        raise DataNotFoundError(f"{path}: there is no data.yaml in it", f"write one with {EXPECTED}")
    if len(best) > 1:
        raise UserError(f"{path}: several files can be meant: {', '.join(map(str, best))}", "name the file itself")
    return best[0]


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}", "correct it") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}", "make it readable") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} describes no data set", f"give it {EXPECTED}")
    return content


def _names(path: Path, content: Mapping[str, Any]) -> tuple[str, ...]:
    names, number = content.get("names"), content.get("nc")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise UserError(f"{path}: names has other keys than 0 to {len(names) - 1}", "number the classes from 0")
        names = [names[key] for key in range(len(names))]
    if names is None and type(number) is int and number > 0:
        names = [f"class_{key}" for key in range(number)]
    if not isinstance(names, list) or not names:
        raise UserError(f"{path}: names is {names!r}", "list the names of the classes there, by number from 0")
    if number is not None and number != len(names):
        raise UserError(f"{path}: nc is {number!r}, but there are {len(names)} names", "correct one of them")
    for key, name in enumerate(names):
        if isinstance(name, bool) or not isinstance(name, str | int | float):
            raise UserError(f"{path}: the name of class {key} is {name!r} to YAML", "put it in quotes")
    return tuple(str(name) for name in names)


def _images(path: Path, split: Split, root: object, value: object) -> tuple[Path, ...]:
    places = value if isinstance(value, list) else [value]
    for place in (*places, root or ""):
        if not isinstance(place, str):
            raise UserError(f"{path}: {place!r} is no path", "name folders of images, or text files that list them")
    roots = _roots(path, root)
    found = [image for place in places for image in _listed(path, _resolved(path, split, place, roots), roots)]
    if not found:
        raise UserError(f"{path}: {split}: there are no images in {', '.join(places)}", "correct the path")
    return tuple(dict.fromkeys(found))


def _roots(path: Path, root: object) -> list[Path]:
    """The folders that paths can be relative to: that which data.yaml names, else its own."""
    own = Path(os.path.abspath(path.parent))
    named = [Path(os.path.abspath(base / root)) for base in (own, Path()) if isinstance(root, str) and root]
    return list(dict.fromkeys(each for each in [*named, own] if each.is_dir()))


def _resolved(path: Path, split: Split, place: str, roots: Sequence[Path]) -> Path:
    """The folder or list that a split names. Roboflow writes ../train/images where it means train/images."""
    forward = place.replace("\\", "/")
    names = list(dict.fromkeys((place, forward, forward.removeprefix("../"))))
    tried = [Path(os.path.abspath(root / name)) for name in names for root in roots]
    for each in tried:
        if each.exists():
            return each
    looked = "".join(f"\n  {each}" for each in dict.fromkeys(tried))
    raise DataNotFoundError(
        f"{path}: {split}: {place} was not found. Looked for:{looked}", "correct path, train and val in it"
    )


def _listed(path: Path, place: Path, roots: Sequence[Path]) -> Iterator[Path]:
    if place.is_dir():
        for folder, folders, names in os.walk(place):
            folders.sort()
            names = [name for name in sorted(names) if not name.startswith(".")]  # macOS leaves ._a.jpg beside a.jpg
            yield from (Path(folder, name) for name in names if Path(name).suffix.lower() in SUFFIXES)
        return
    if place.suffix.lower() in SUFFIXES:
        yield place
        return
    for line in place.read_bytes().decode("utf-8-sig", errors="replace").splitlines():
        if name := line.strip():
            bases = [place.parent] if name.startswith("./") else [*roots, place.parent, Path()]
            written = dict.fromkeys((name, name.replace("\\", "/")))
            tried = [Path(os.path.abspath(base / each)) for each in written for base in bases]
            image = next((each for each in tried if each.is_file()), None)
            if image is None:
                raise DataNotFoundError(f"{place}: {name} was not found, nor is it {tried[0]}", f"correct {place.name}")
            yield image
