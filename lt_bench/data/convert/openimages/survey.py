"""One pass over the tables of a split: its images, and what is verified of each."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.cache import cache_folder
from lt_bench.data.convert.openimages.boxes import read_boxes
from lt_bench.data.convert.openimages.classes import Classes
from lt_bench.data.convert.openimages.files import SplitFiles
from lt_bench.data.convert.openimages.mask_rows import MaskRows
from lt_bench.data.convert.openimages.picture_files import find_images
from lt_bench.data.convert.openimages.tables import number, rows
from lt_bench.data.image_files import Split
from lt_bench.data.image_sizes import read_sizes
from lt_bench.errors import UserError
from lt_bench.utils.terminal import progress

Pairs = NDArray[np.int64]
CONTRADICTED = "verified absent, and yet there"
_LABELS = ("ImageID", "LabelName", "Confidence")


@dataclass(frozen=True, eq=False)
class Survey:
    """Of I images, by id, and K classes. names: `file_name` of each. sizes int32 [I, 3]: width, height, orientation.

    absent: a number for each pair of an image and a class that is verified to be absent: image * K + class, ascending.
    unboxed: likewise, of classes that are verified to be there, though no object of them has a box.
    masks: None in a release of boxes alone. counted: how many rows were left out, and why.
    """

    ids: list[str]
    row_of: dict[str, int]
    names: list[str]
    sizes: NDArray[np.int32]
    absent: Pairs
    unboxed: Pairs
    masks: MaskRows | None
    counted: Counter[str]
    classes: int

    def by_image(self, pairs: Pairs) -> Iterator[list[int]]:
        """The ids of the classes of each image in turn. pairs: `absent` or `unboxed`."""
        bounds = np.searchsorted(pairs, np.arange(len(self.ids) + 1) * self.classes).tolist()
        for begin, end in pairwise(bounds):
            yield (pairs[begin:end] % self.classes + 1).tolist()


@dataclass
class _Seen:
    """Images in the order in which they appear, and pairs with numbers in that order."""

    images: dict[str, int] = field(default_factory=dict)
    shown: array[int] = field(default_factory=lambda: array("q"))
    present: array[int] = field(default_factory=lambda: array("q"))
    absent: array[int] = field(default_factory=lambda: array("q"))


def survey(split: Split, files: SplitFiles, root: Path, classes: Classes) -> Survey:
    """Read the tables of a split. root: the folder of the images, whose headers give their sizes.

    Training images are those with a box of a class in the list, or with a mask where there are masks; validation images
    also those with a verified label. A box counts for the classes above its own too, and so does a verified presence; a
    verified absence counts for those below. What is there by a box or a verified presence is not absent.
    Raises UserError for damaged tables, and images that are missing.
    """
    counted: Counter[str] = Counter()
    masks = MaskRows(files.masks, classes.place, counted) if files.masks else None
    seen = _Seen(dict(masks.images) if masks else {})
    open_ = split == "val"
    for image, place in masks.shown() if masks else ():
        _add(seen.shown, image, len(classes.labels), place, classes.above[place])
    _see_boxes(files.boxes, classes, seen, counted, may_add=open_ or masks is None)
    _see_labels(files.labels, classes, seen, may_add=open_)
    ids = sorted(seen.images)
    row_of = {image_id: row for row, image_id in enumerate(ids)}
    rank = np.array([row_of[image_id] for image_id in seen.images], dtype=np.int64)
    count = len(classes.labels)
    shown, present, absent = (_ranked(pairs, rank, count) for pairs in (seen.shown, seen.present, seen.absent))
    left = np.setdiff1d(absent, np.union1d(shown, present), assume_unique=True)
    counted[CONTRADICTED] = len(absent) - len(left)
    names, paths = find_images(root, split, ids)
    with progress(f"reading the sizes of the images of {split}") as report:
        sizes = read_sizes(root, paths, cache_folder(), report)
    unboxed = np.setdiff1d(present, shown, assume_unique=True)
    return Survey(ids, row_of, names, sizes, left, unboxed, masks, counted, count)


def _see_boxes(path: Path, classes: Classes, seen: _Seen, counted: Counter[str], may_add: bool) -> None:
    count, last, known = len(classes.labels), "", set[int]()
    for row in read_boxes(path, classes.place, counted):
        if may_add:
            seen.images.setdefault(row.image, len(seen.images))
        elif row.image not in seen.images:
            continue
        if row.image != last:
            last, known = row.image, set()
        if row.place not in known:
            known.add(row.place)
            _add(seen.shown, seen.images[last], count, row.place, classes.above[row.place])


def _see_labels(path: Path, classes: Classes, seen: _Seen, may_add: bool) -> None:
    count = len(classes.labels)
    for line, (image, label, confidence) in rows(path, _LABELS):
        place = classes.place.get(label)
        if place is None:
            continue
        if may_add:
            seen.images.setdefault(image, len(seen.images))
        elif image not in seen.images:
            continue
        if confidence not in ("0", "1"):
            value = number(confidence, "Confidence", path, line)
            if value not in (0, 1):
                raise UserError(
                    f"{path}, line {line}: Confidence is {confidence}, and that of a verified label is 0 or 1",
                    "use the human-verified labels, not those that a machine made",
                )
            confidence = str(int(value))
        if confidence == "1":
            _add(seen.present, seen.images[image], count, place, classes.above[place])
        else:
            _add(seen.absent, seen.images[image], count, place, classes.below[place])


def _add(pairs: array[int], image: int, count: int, place: int, more: Iterable[int]) -> None:
    pairs.append(image * count + place)
    pairs.extend(image * count + each for each in more)


def _ranked(pairs: array[int], rank: Pairs, count: int) -> Pairs:
    """Pairs with images numbered in the order of their ids, each once, ascending."""
    found = np.array(pairs, dtype=np.int64)
    if not len(found):
        return found
    ranked: Pairs = rank[found // count] * count + found % count
    return np.unique(ranked)
