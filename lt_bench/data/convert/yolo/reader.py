"""The sources of the splits that a data.yaml describes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder
from lt_bench.data.convert.source import Entry, Source
from lt_bench.data.convert.yolo import description, labels
from lt_bench.data.convert.yolo.description import Description
from lt_bench.data.convert.yolo.labels import Label
from lt_bench.data.image_files import Split
from lt_bench.data.image_sizes import read_sizes
from lt_bench.errors import UserError
from lt_bench.utils.files import sha256_of
from lt_bench.utils.terminal import progress

FEWEST_CORNERS = 5  # boxes, from which on it can be told that they are corners
REACHING = 0.2  # share of the boxes that reach out of their images if corners are taken for centre and size
DIGITS = 3  # of a coordinate in pixels: more than six digits of a share tell


@dataclass(frozen=True, eq=False)
class _Images:
    """The images of a split. ids, names (relative to the root, with forward slashes), sizes (int32 [N, 3], width and
    height first) and label files, in order."""

    ids: list[int]
    names: list[str]
    sizes: NDArray[np.int32]
    labels: list[Path]


@dataclass(frozen=True)
class _Survey:
    """digest: of all label files of a split. polygons: how many there are. lines: what there is to say of them."""

    digest: str
    polygons: int
    lines: list[str]


def sources(given: Sequence[str], images: Path | None) -> list[Source]:
    """One source for each split. images: the folder that names of images shall be relative to; None for the one that
    holds all. Raises UserError for what is missing or can't be read, with the line of a label file."""
    found = description.read(given)
    root = _root(found) if images is None else Path(os.path.abspath(images))
    return [_source(found, split, root) for split in found.images]


def image_folder(made: Sequence[Source]) -> Path | None:
    """The folder that names of images are relative to."""
    return _root(description.read([str(next(iter(made[0].files)))]))


def _root(found: Description) -> Path:
    """The folder of data.yaml where it holds all images, else the deepest one that does."""
    folders = {str(path.parent) for paths in found.images.values() for path in paths}
    own = os.path.abspath(found.path.parent)
    return Path(own) if os.path.commonpath([own, *folders]) == own else Path(os.path.commonpath(list(folders)))


def _source(found: Description, split: Split, root: Path) -> Source:
    paths = found.images[split]
    outside = next((path for path in paths if not path.is_relative_to(root)), None)
    if outside is not None:
        raise UserError(f"{outside} is not in {root}", "name a folder that holds all images with --images")
    names = [path.relative_to(root).as_posix() for path in paths]
    with progress(f"reading the sizes of {split} images") as report:
        sizes = read_sizes(root, names, cache_folder(), report)
    ids, numbering = _ids(paths)
    own = _Images(ids, names, sizes, [labels.label_path(path) for path in paths])
    survey = _survey(own, found, split)
    folder = Path(os.path.commonpath([str(path.parent) for path in own.labels]))
    return Source(
        split=split,
        name=f"{found.path.name}, {split}",
        files={found.path: sha256_of(found.path), folder: survey.digest},
        categories=[{"id": place + 1, "name": name} for place, name in enumerate(found.names)],
        images=partial(_images, own),
        annotations=partial(_annotations, own, found),
        exhaustive=True,
        masks=survey.polygons > 0,
        assumed=("ids: of a category, the class's number plus 1; of an image, " + numbering, *survey.lines),
    )


def _ids(paths: Sequence[Path]) -> tuple[list[int], str]:
    """The numbers that the images' names are, as Ultralytics has it in its predictions, where all are; and in words."""
    stems = [path.stem for path in paths]
    if all(stem.isascii() and stem.isdigit() and len(stem) < 16 for stem in stems):
        ids = [int(stem) for stem in stems]
        if len(set(ids)) == len(ids):
            return ids, "the number that its name is"
    return list(range(1, len(paths) + 1)), "its place among all by name"


def _images(own: _Images) -> Iterator[Entry]:
    for key, name, (width, height, _) in zip(own.ids, own.names, own.sizes.tolist(), strict=True):
        yield {"id": key, "width": width, "height": height, "file_name": name}


def _annotations(own: _Images, found: Description) -> Iterator[Entry]:
    number = 0
    for key, (width, height, _), (_, objects) in zip(own.ids, own.sizes.tolist(), _read(own, found), strict=True):
        for label in objects:
            if label.is_flat:
                continue
            number += 1
            left, top, right, bottom = label.box
            x, y = round(left * width, DIGITS), round(top * height, DIGITS)
            box = [x, y, round(right * width - x, DIGITS), round(bottom * height - y, DIGITS)]
            entry = {"id": number, "image_id": key, "category_id": label.category + 1, "bbox": box}
            if label.polygon is not None:
                sides = (width, height) * (len(label.polygon) // 2)
                pairs = zip(label.polygon, sides, strict=True)
                entry["segmentation"] = [[round(share * side, DIGITS) for share, side in pairs]]
            yield entry


def _read(own: _Images, found: Description) -> Iterator[tuple[bytes, list[Label]]]:
    """What each image's label file holds, and its objects: none where there is no file."""
    for path in own.labels:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = b""
        yield content, labels.read(path, content, len(found.names), found.keypoints)


def _unused_labels(own: _Images, found: Description) -> list[Path]:
    """Text files beside the label files that belong to no image of any split, as where images were renamed."""
    known = {labels.label_path(image) for images in found.images.values() for image in images}
    there = (
        path for folder in sorted({path.parent for path in own.labels}) if folder.is_dir() for path in folder.iterdir()
    )
    texts = (path for path in there if path.suffix.lower() == ".txt" and path.name not in ("classes.txt", "labels.txt"))
    return sorted(path for path in texts if path not in known)


def _survey(own: _Images, found: Description, split: Split) -> _Survey:
    """Raises UserError for labels that are corners."""
    digest = hashlib.sha256()
    missing = sum(not path.is_file() for path in own.labels)
    flat, cut, boxes, polygons, corners, reaching, first_flat, first_cut = 0, 0, 0, 0, 0, 0, "", ""
    for path, name, size, (content, objects) in zip(
        own.labels, own.names, own.sizes.tolist(), _read(own, found), strict=True
    ):
        digest.update(f"{name} {len(content)}\n".encode(errors="surrogateescape"))
        digest.update(content)
        for label in objects:
            polygons += label.polygon is not None
            boxes += label.polygon is None
            corners += label.may_be_corners
            if label.is_flat:
                flat, first_flat = flat + 1, first_flat or path.name
            elif max(label.cut[0] * size[0], label.cut[1] * size[1]) >= 1:
                cut, first_cut = cut + 1, first_cut or path.name
                reaching += label.polygon is None
    if corners == boxes >= FEWEST_CORNERS and reaching >= REACHING * boxes:
        raise UserError(
            f"{found.path}, {split}: the labels look like corners, class x1 y1 x2 y2: the third and fourth number of "
            f"each of {boxes:,} boxes exceed the first and second, and taken for centre, width and height {reaching:,} "
            f"reach out of their images, e.g. in {first_cut}",
            f"each line is {labels.FORM}",
        )
    lines = [f"labels: {boxes:,} boxes and {polygons:,} polygons in lines of label files"]
    if missing:
        lines.append(f"labels: {missing:,} of {len(own.names):,} images have no label file: taken for without objects")
        if unused := _unused_labels(own, found):
            lines.append(f"labels: {len(unused):,} text files that no image has the name of, e.g. {unused[0].name}")
    if flat:
        lines.append(f"labels: objects without width or height, left out: {flat:,}, e.g. in {first_flat}")
    if cut:
        lines.append(f"labels: objects that reach a pixel or more out of the image, cut: {cut:,}, e.g. in {first_cut}")
    if found.keypoints:
        lines.append("labels: the key points of a pose data set were left out")
    return _Survey(digest.hexdigest(), polygons, lines)
