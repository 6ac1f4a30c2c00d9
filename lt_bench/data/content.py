"""Whether what an annotation file says is sound: one answer for the check, for training and for evaluation.

Works on the columns of the file's index; an entry is read from the file only where there is something to say of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data import segmentation as masks
from lt_bench.data.flags import odd_flags, odd_values
from lt_bench.data.lvis import LVISFile
from lt_bench.data.problem import (
    BOX_OUTSIDE,
    COUNTS,
    DUPLICATE_ID,
    EMPTY_BOX,
    EMPTY_SEGMENTATION,
    IGNORED_AREA,
    LARGE_ID,
    MALFORMED_SEGMENTATION,
    NO_SIZE,
    NOT_FINITE,
    NOTHING_TO_EVALUATE,
    NOTHING_TO_TRAIN,
    ODD_FLAG,
    POSITIVE_AND_NEGATIVE,
    TOO_NARROW,
    UNKNOWN_CATEGORY,
    UNKNOWN_IMAGE,
    UNKNOWN_LISTED_CATEGORY,
    Problem,
)

# LVIS's coordinates are rounded to two decimals and COCO-style tools disagree on whether the last pixel column lies at
# `width` or `width - 1`: less than a pixel outside is rounding, clipped by every detector, and no mistake in the data.
BOX_TOLERANCE = 1.0
LONGEST_SIDE = 1 << 20  # of an image that OpenCV, which loads images for the detector, takes
MOST_PIXELS = (1 << 29) - 1  # longest run of a mask that `rle` reads; OpenCV takes twice as many
SMALLEST_SIDE = 32  # pixels of an image that LVIS's recipe trains on (configs/_base_/datasets)
NARROWEST = 2 * 1333  # longer side by the shorter: the recipe's longest side is 1333, and half a pixel rounds to one
LARGEST_AREA = 1e10  # px^2; lvis-api's widest area range ends here
LARGEST_ID = 1 << 53  # as large as integers are exact in float64

_LISTS = ("neg_category_ids", "not_exhaustive_category_ids")
_EMPTY = (masks.ABSENT, masks.EMPTY, masks.SHORT, masks.NO_PIXEL)
Bools = NDArray[np.bool_]


def problems(file: LVISFile, is_train: bool, with_masks: bool = True) -> Iterator[Problem]:
    """All that is wrong. is_train: also compare the categories' counts with the annotations: those of a validation
    file may be those of the training set. with_masks: without, nothing is asked of segmentations."""
    yield from _ids(file)
    yield from _sizes(file)
    yield from _shapes(file)
    of_masks = {**_refused_masks(file), **_empty_masks(file)} if with_masks else {}
    yield from _annotations(file, {**_refused(file), **of_masks, **_others(file)})
    yield from _lists(file)
    if is_train:
        yield from _counts(file)
        if not _trained_on(file).any():
            detail = (
                f"of {len(file.annotations)} annotations none has a box of a pixel, an area, no `ignore`, and a listed "
                f"image with sides of at least {SMALLEST_SIDE} pixels"
            )
            yield Problem(NOTHING_TO_TRAIN, "annotations", detail)
    elif not measured_on(file).any():
        detail = f"of {len(file.annotations)} annotations none has an area in a listed image, and no `ignore`"
        yield Problem(NOTHING_TO_EVALUATE, "annotations", detail)


def refused_by_evaluation(file: LVISFile, with_masks: bool) -> Iterator[Problem]:
    """What evaluators would read in several ways, not at all, or for ever. The rest they read alike, right or wrong."""
    yield from _ids(file)
    yield from _sizes(file)
    yield from _annotations(file, {**_refused(file), **(_refused_masks(file) if with_masks else {})})


def _refused(file: LVISFile) -> dict[str, Bools]:
    """By kind, the annotations at fault, [A] each."""
    columns = file.columns
    return {
        UNKNOWN_IMAGE: columns["image_row"] < 0,
        UNKNOWN_CATEGORY: ~np.isin(columns["category_id"], file.category_ids),
        NOT_FINITE: ~_finite(file),
        ODD_FLAG: odd_flags(file),
    }


def _trained_on(file: LVISFile) -> Bools:
    """The annotations that the recipe trains on, [A]."""
    large = file.columns["image_size"].min(axis=1, initial=LONGEST_SIDE) >= SMALLEST_SIDE
    trained: Bools = file.columns["usable"] & large[file.columns["image_row"]]
    return trained


def measured_on(file: LVISFile) -> Bools:
    """The annotations that AP counts as objects to be found, [A]."""
    columns = file.columns
    with np.errstate(invalid="ignore"):
        measured: Bools = (columns["area"] > 0) & (columns["area"] <= LARGEST_AREA) & ~columns["ignore"]
    return measured & (columns["image_row"] >= 0)


def sound_masks(file: LVISFile) -> Bools:
    """The annotations whose segmentation all evaluators read alike, [A]: also one without a pixel in the image."""
    return np.isin(file.columns["mask_fault"], (masks.SOUND, masks.NO_PIXEL, masks.OUTSIDE))


def has_masks(file: LVISFile) -> bool:
    """Whether any annotation has a segmentation, right or wrong: neither missing, nor null, nor empty."""
    without: Bools = np.isin(file.columns["mask_fault"], (masks.ABSENT, masks.EMPTY))
    return not (len(without) and without.all())


def _refused_masks(file: LVISFile) -> dict[str, Bools]:
    unsound = ~sound_masks(file)
    empty = np.isin(file.columns["mask_fault"], _EMPTY)
    return {EMPTY_SEGMENTATION: unsound & empty, MALFORMED_SEGMENTATION: unsound & ~empty}


def _others(file: LVISFile) -> dict[str, Bools]:
    """What evaluation takes as it is."""
    columns, finite = file.columns, _finite(file)
    (x, y, width, height), area = columns["bbox"].T, columns["area"]
    sizes, known = columns["image_size"][columns["image_row"]], columns["image_row"] >= 0
    with np.errstate(invalid="ignore", over="ignore"):
        inside = np.minimum(x, y) >= -BOX_TOLERANCE
        inside &= (x + width <= sizes[:, 0] + BOX_TOLERANCE) & (y + height <= sizes[:, 1] + BOX_TOLERANCE)
        return {
            EMPTY_BOX: finite & ~((width > 0) & (height > 0)),
            BOX_OUTSIDE: finite & known & ~inside,
            IGNORED_AREA: finite & ~((area > 0) & (area <= LARGEST_AREA)),
        }


def _empty_masks(file: LVISFile) -> dict[str, Bools]:
    return {EMPTY_SEGMENTATION: np.isin(file.columns["mask_fault"], _EMPTY)}


def _finite(file: LVISFile) -> Bools:
    finite: Bools = np.isfinite(file.columns["bbox"]).all(axis=1) & np.isfinite(file.columns["area"])
    return finite


def _annotations(file: LVISFile, wrong: dict[str, Bools]) -> Iterator[Problem]:
    rows = np.concatenate([np.flatnonzero(which) for which in wrong.values()])
    kinds = [kind for kind, which in wrong.items() for _ in range(int(which.sum()))]
    for place in np.argsort(rows, kind="stable").tolist():
        row, kind = int(rows[place]), kinds[place]
        annotation, image_row = file.annotations[row], int(file.columns["image_row"][row])
        size = tuple(file.columns["image_size"][image_row].tolist()) if image_row >= 0 else None
        image_id = annotation["image_id"]
        where = f"annotation {annotation['id']} (image {image_id})"
        yield Problem(kind, where, _detail(kind, annotation, int(file.columns["mask_fault"][row]), size), image_id)


def _detail(kind: str, annotation: dict[str, Any], fault: int, size: tuple[int, int] | None) -> str:
    if kind in (EMPTY_SEGMENTATION, MALFORMED_SEGMENTATION):
        return f"segmentation: {masks.describe(fault, annotation.get('segmentation'), size)}"
    if kind == UNKNOWN_IMAGE:
        return f"the file lists no image {annotation['image_id']}"
    if kind == UNKNOWN_CATEGORY:
        return f"the file lists no category {annotation['category_id']}"
    if kind == IGNORED_AREA:
        return f"area is {annotation['area']}, bbox x, y, w, h = {annotation['bbox']}"
    if kind == ODD_FLAG:
        return ", ".join(f"{name} is {value!r:.60}, expected 0 or 1" for name, value in odd_values(annotation).items())
    if kind == NOT_FINITE:
        return f"bbox x, y, w, h = {annotation['bbox']}, area {annotation.get('area')}"
    return f"bbox x, y, w, h = {annotation['bbox']}" + (f" in {size[0]} x {size[1]}" if size else "")


def _ids(file: LVISFile) -> Iterator[Problem]:
    for noun, entries, image_key in (("image", file.images, "id"), ("annotation", file.annotations, "image_id")):
        ids = file.columns[f"{noun}_id"]
        _, first = np.unique(ids, return_index=True)
        for index in np.setdiff1d(np.arange(len(ids)), first).tolist():
            detail = f"id is used before, again by {noun}s[{index}]"
            yield Problem(DUPLICATE_ID, f"{noun} {ids[index]}", detail, entries[index][image_key])
    for noun, ids in (("image", file.columns["image_id"]), ("category", np.array(file.category_ids))):
        for index in np.flatnonzero((ids > LARGEST_ID) | (ids < -LARGEST_ID)).tolist():
            image_id = int(ids[index]) if noun == "image" else None
            yield Problem(LARGE_ID, f"{noun} {ids[index]}", f"id is {ids[index]}, beyond {LARGEST_ID}", image_id)


def is_sound_size(sizes: NDArray[Any]) -> Bools:
    """Which widths and heights an image can have. sizes: pixels, int [N, 2]."""
    sound: Bools = np.all((sizes >= 1) & (sizes <= LONGEST_SIDE), axis=1, keepdims=True)[:, 0]
    sound[sound] = sizes[sound].prod(axis=1) <= MOST_PIXELS
    return sound


def _sizes(file: LVISFile) -> Iterator[Problem]:
    sizes = file.columns["image_size"]
    for row in np.flatnonzero(~is_sound_size(sizes)).tolist():
        image_id, (width, height) = int(file.columns["image_id"][row]), sizes[row].tolist()
        yield Problem(NO_SIZE, f"image {image_id}", f"width is {width}, height is {height}", image_id)


def _shapes(file: LVISFile) -> Iterator[Problem]:
    """Images that nothing is left of when they are resized as the recipe does it."""
    sizes = file.columns["image_size"]
    shorter, longer = (sizes.min(axis=1, initial=LONGEST_SIDE), sizes.max(axis=1, initial=0))
    for row in np.flatnonzero((shorter > 0) & (longer > NARROWEST * shorter.astype(np.int64))).tolist():
        image_id, (width, height) = int(file.columns["image_id"][row]), sizes[row].tolist()
        detail = f"width is {width}, height is {height}: resized, the shorter side is no pixel"
        yield Problem(TOO_NARROW, f"image {image_id}", detail, image_id)


def _lists(file: LVISFile) -> Iterator[Problem]:
    """The federated lists of each image: neg_category_ids and not_exhaustive_category_ids."""
    columns, ids = file.columns, np.array(file.category_ids)
    annotated = columns["image_row"] >= 0
    positive = np.unique(_pairs(columns["image_row"][annotated], columns["category_id"][annotated], ids))
    for key in _LISTS:
        rows = np.repeat(np.arange(len(file.images)), np.diff(columns[f"{key}_first"]))
        known = np.isin(columns[key], ids)
        both = np.isin(_pairs(rows, columns[key], ids), positive) if key == _LISTS[0] else np.zeros_like(known)
        found = {(int(rows[place]), int(columns[key][place])) for place in np.flatnonzero(both | ~known).tolist()}
        for row, category in sorted(found):
            image_id = int(columns["image_id"][row])
            if category in file.label_of:
                kind, detail = POSITIVE_AND_NEGATIVE, f"category {category} is annotated, and in {key}"
            else:
                kind, detail = UNKNOWN_LISTED_CATEGORY, f"{key} has category {category}, which the file does not list"
            yield Problem(kind, f"image {image_id}", detail, image_id)


def _pairs(rows: NDArray[Any], categories: NDArray[Any], known: NDArray[Any]) -> NDArray[np.int64]:
    """One number for each image and known category; -1 for another category."""
    place = np.searchsorted(known, categories).clip(max=len(known) - 1)
    pairs: NDArray[np.int64] = np.where(known[place] == categories, rows.astype(np.int64) * len(known) + place, -1)
    return pairs


def _counts(file: LVISFile) -> Iterator[Problem]:
    """Counts only annotations of images that are listed: no others can be trained on. Nor can those that are ignored,
    but whoever counted may have counted them."""
    listed = file.columns["image_row"] >= 0
    every, trained = (_shown(file, which) for which in (listed, listed & ~file.columns["ignore"]))
    for category in file.categories:
        key = category["id"]
        wrong = [
            f"{name} is {category[name]}, the annotations have {trained[name][key]}"
            for name in trained
            if category[name] not in (trained[name][key], every[name][key])
        ]
        if wrong:
            yield Problem(COUNTS, f"category {key} ({category['name']})", "; ".join(wrong))


def _shown(file: LVISFile, which: Bools) -> dict[str, Counter[int]]:
    pairs = np.stack([file.columns["category_id"][which], file.columns["image_row"][which]], axis=1)
    return {
        "instance_count": Counter(pairs[:, 0].tolist()),
        "image_count": Counter(np.unique(pairs, axis=0)[:, 0].tolist()),
    }
