"""What is no mistake in the form of a data set, but may not be what its maker believes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data import segmentation as masks
from lt_bench.data.boxes_of_masks import areas_elsewhere, boxes_elsewhere
from lt_bench.data.content import LARGEST_AREA, SMALLEST_SIDE, measured_on
from lt_bench.data.lvis import LVISFile
from lt_bench.data.mask_sample import sample_masks
from lt_bench.data.pictures import Contents
from lt_bench.data.row_keys import row_keys

NAMES_SHOWN = 5  # of categories, in notes


def on_evaluation(file: LVISFile) -> Iterator[str]:
    """What moves the numbers that are measured on `file`, in words."""
    columns, name = file.columns, file.path.name
    area, finite = columns["area"], np.isfinite(columns["bbox"]).all(axis=1)
    with np.errstate(invalid="ignore"):
        unseen = finite & ~((area > 0) & (area <= LARGEST_AREA))
    if unseen.any():
        yield (
            f"{name}: {_some(file, unseen, 'an area of 0, below, or beyond every image')}; {_classes(file, unseen)}: "
            "lvis-api leaves them out"
        )
    if not measured_on(file).any():
        yield f"{name}: no annotation counts as an object to be found, so that there is no AP"
    sample = sample_masks(file)
    yield from boxes_elsewhere(file, sample)
    yield from areas_elsewhere(file, sample)
    crowds = columns["crowd"] & ~columns["ignore"]
    if crowds.any():
        yield f"{name}: {_some(file, crowds, 'iscrowd set')}, which lvis-api ignores: each is one object"
    if columns["ignore"].any():
        yield (
            f"{name}: {_some(file, columns['ignore'], 'ignore set')}: not evaluated; they need not be found, and one "
            "detection of each is no mistake"
        )
    if not file.exhaustive and not len(columns["neg_category_ids"]) and not _all_shown(file):
        yield (
            f"{name}: neg_category_ids is empty in all {len(file.images)} images, so that no detection of a class that "
            "an image does not show counts against a detector; where the annotations are exhaustive, as COCO's are, "
            "list all absent categories (`lt_bench data convert` does)"
        )


def on_pictures(name: str, contents: Contents) -> Iterator[str]:
    """What there is to say of the files of its images. name: of the annotation file."""
    turned = sorted(image.image_id for images in contents.values() for image in images if image.turned)
    if turned:
        yield (
            f"{name}: {len(turned):,} images are mirrored or turned by their EXIF orientation as they are loaded, "
            f"e.g. image {turned[0]}: boxes and masks must be those of the picture as a viewer shows it"
        )


def on_file(file: LVISFile, is_train: bool) -> Iterator[str]:
    """All that there is to say of `file`, in words."""
    columns, name = file.columns, file.path.name
    shorter = columns["bbox"][:, 2:].min(axis=1, initial=np.inf)
    narrow = (shorter > 0) & (shorter < 1)
    if narrow.any():
        then = "not trained on" if is_train else "hardly any detector finds such"
        yield f"{name}: {_some(file, narrow, 'a box under a pixel wide or high')}: {then}"
    if is_train:
        yield from boxes_elsewhere(file, sample_masks(file))
        crowds = columns["crowd"] & ~columns["ignore"]
        if crowds.any():
            yield f"{name}: {_some(file, crowds, 'iscrowd set')}: each is trained on as one object"
        if columns["ignore"].any():
            yield f"{name}: {_some(file, columns['ignore'], 'ignore set')}: not trained on"
        small = columns["image_size"].min(axis=1) < SMALLEST_SIDE
        if small.any():
            first = columns["image_id"][np.flatnonzero(small)[0]]
            yield (
                f"{name}: {int(small.sum())} images, e.g. image {first}, have a side under {SMALLEST_SIDE} pixels: "
                "LVIS's recipe leaves them out of training"
            )
    else:
        yield from on_evaluation(file)
    outside = columns["mask_fault"] == masks.OUTSIDE
    if outside.any():
        yield f"{name}: {_some(file, outside, 'a polygon partly outside the image')}: that part is cut off"
    repeated = _repeated(file)
    if repeated.any():
        yield f"{name}: {_some(file, repeated, 'all but the id in common with another')}: an object counts twice"
    named = Counter(map(_name, file.categories))
    if blank := sum(count for word, count in named.items() if not (word or "").strip()):
        yield f"{name}: {blank} of {len(file.categories)} categories have a blank name"
    shared = {word: count for word, count in named.items() if count > 1 and (word or "").strip()}
    for word, count in islice(shared.items(), NAMES_SHOWN):
        yield f"{name}: {count} categories are called {word!r}"
    if len(shared) > NAMES_SHOWN:
        yield f"{name}: {len(shared) - NAMES_SHOWN} more names are those of several categories"


def _name(category: Mapping[str, Any]) -> str | None:
    return category.get("name")


def _some(file: LVISFile, which: NDArray[np.bool_], what: str) -> str:
    row = int(np.flatnonzero(which)[0])
    annotation, image = file.columns["annotation_id"][row], file.annotations[row]["image_id"]
    count = int(which.sum())
    words = "annotation has" if count == 1 else "annotations have"
    return f"{count} {words} {what} (e.g. annotation {annotation}, image {image})"


def _all_shown(file: LVISFile) -> bool:
    """Whether every image shows every class, so that none is absent."""
    columns = file.columns
    pairs = np.stack([columns["image_row"], columns["category_id"]], axis=1)
    return len(np.unique(pairs, axis=0)) == len(file.images) * len(file.categories)


def _classes(file: LVISFile, which: NDArray[np.bool_]) -> str:
    """How many classes have such annotations, and how many no others."""
    own = file.columns["category_id"]
    concerned = np.unique(own[which])
    empty = np.setdiff1d(concerned, own[~which])
    names = {category["id"]: category.get("name") for category in file.categories}
    if not len(empty):
        return f"classes with such annotations: {len(concerned)}"
    return f"classes without any others: {len(empty)}, e.g. {names.get(int(empty[0]))!r}"


def _repeated(file: LVISFile) -> NDArray[np.bool_]:
    """Annotations that an earlier one equals but for the id, [A]. Only those with equal numbers are read."""
    columns = file.columns
    repeated = np.zeros(len(columns["area"]), dtype=bool)
    numbers = (columns["image_row"], columns["category_id"], *columns["bbox"].T, columns["area"])
    keys = row_keys(numbers)
    order = np.argsort(keys, kind="stable")
    same = np.diff(keys[order]) == 0
    seen: dict[str, int] = {}
    for place in np.flatnonzero(np.append(same, False) | np.append(False, same)).tolist():
        row = int(order[place])
        entry = file.annotations[row]
        entry.pop("id")
        earlier = seen.setdefault(repr(sorted(entry.items())), row)
        repeated[row] = earlier != row
    return repeated
