"""Verifying LVIS-format data before a long run: lists every problem instead of stopping at the first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lt_bench.data.lvis import ImageFinder, LVISFile
from lt_bench.data.rle import mask_pixels

MISSING_IMAGE = "missing image"
UNREADABLE_IMAGE = "unreadable image"
IMAGE_SIZE = "image size differs from the annotations"
BOX_OUTSIDE = "box outside the image"
EMPTY_BOX = "empty box"
EMPTY_SEGMENTATION = "empty segmentation"
MALFORMED_SEGMENTATION = "malformed segmentation"
UNKNOWN_CATEGORY = "unknown category"
UNKNOWN_IMAGE = "annotation of an unknown image"
DUPLICATE_ID = "duplicate id"
COUNTS = "counts disagree with the annotations"
POSITIVE_AND_NEGATIVE = "category both annotated and listed as absent"
UNKNOWN_LISTED_CATEGORY = "unknown category in an image's lists"
KINDS = (
    MISSING_IMAGE,
    UNREADABLE_IMAGE,
    IMAGE_SIZE,
    BOX_OUTSIDE,
    EMPTY_BOX,
    EMPTY_SEGMENTATION,
    MALFORMED_SEGMENTATION,
    UNKNOWN_CATEGORY,
    UNKNOWN_IMAGE,
    DUPLICATE_ID,
    COUNTS,
    POSITIVE_AND_NEGATIVE,
    UNKNOWN_LISTED_CATEGORY,
)

# LVIS's coordinates are rounded to two decimals and COCO-style tools disagree on whether the last pixel column lies at
# `width` or `width - 1`: less than a pixel outside is rounding, clipped by every detector, and no mistake in the data.
BOX_TOLERANCE = 1.0

_ORIENTATION = 0x0112  # EXIF tag; its values 5 to 8 swap width and height


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. kind: one of KINDS. image_id: the image to leave out to be rid of it, if that helps."""

    kind: str
    where: str
    detail: str
    image_id: int | None = None


def check(
    file: LVISFile,
    finder: ImageFinder,
    read_images: bool = True,
    progress: Callable[[int, int], None] | None = None,
    is_train: bool = True,
) -> list[Problem]:
    """All problems of an annotation file and its images, in the order of KINDS' concerns; empty when all is well.

    read_images: also decode every image, in threads (the decoders release the interpreter lock). progress: called as
    progress(images done, all images) from the calling thread. is_train: also compare the categories' image_count and
    instance_count with the annotations. In a validation file they may be those of the training set.
    """
    problems = list(_check_image_files(file, finder, read_images, progress))
    problems += _check_ids(file)
    problems += _check_annotations(file)
    problems += _check_lists(file)
    if is_train:
        problems += _check_counts(file)
    return problems


def summary(problems: Iterable[Problem]) -> str:
    """A table of the problems: number, kind and the first example of each kind."""
    problems = list(problems)
    if not problems:
        return "no problems"
    counts = Counter(problem.kind for problem in problems)
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.kind, problem)
    width = max(map(len, counts))
    rows = [
        f"{counts[kind]:>8}  {kind:<{width}}  e.g. {first[kind].where}: {first[kind].detail}"
        for kind in KINDS
        if kind in counts
    ]
    return "\n".join([*rows, f"{len(problems):>8}  in all"])


def _check_image_files(
    file: LVISFile, finder: ImageFinder, read: bool, progress: Callable[[int, int], None] | None
) -> Iterator[Problem]:
    def examine(found: tuple[dict[str, Any], Path | None]) -> Problem | None:
        image, path = found
        where = f"image {image['id']}"
        if path is None:
            name = image.get("coco_url") or image.get("file_name")
            return Problem(MISSING_IMAGE, where, f"{name} not found under {finder.image_root}", image["id"])
        if not read:
            return None
        try:
            width, height = decoded_size(path)
        except Exception as error:  # decoders raise many kinds of exceptions on damaged bytes
            return Problem(UNREADABLE_IMAGE, where, f"{path}: {error}", image["id"])
        if (width, height) != (image["width"], image["height"]):
            stated = f"{image['width']} x {image['height']}"
            return Problem(IMAGE_SIZE, where, f"{path} is {width} x {height}, not {stated}", image["id"])
        return None

    pool = ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1) if read else 1)
    try:
        found = [(image, finder.find(image)) for image in file.images]
        for done, problem in enumerate(pool.map(examine, found), start=1):
            if problem is not None:
                yield problem
            if progress is not None:
                progress(done, len(found))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted check stops at once, not after 100,000 images


def decoded_size(path: Path) -> tuple[int, int]:
    """(width, height) of an image as a detector's loader sees it, that is turned by its EXIF orientation.

    Decodes all of it. Raises what the decoder raises when the file is cut off or no image.
    """
    with Image.open(path) as image:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION, 1) >= 5
        image.draft("RGB", (width // 8, height // 8))  # a JPEG is read to its end also at an eighth of its size
        image.load()
    return (height, width) if turned else (width, height)


def _check_ids(file: LVISFile) -> Iterator[Problem]:
    for noun, entries, image_key in (("image", file.images, "id"), ("annotation", file.annotations, "image_id")):
        ids = file.columns[f"{noun}_id"]
        _, first = np.unique(ids, return_index=True)
        for index in np.setdiff1d(np.arange(len(ids)), first).tolist():
            detail = f"used before, again by {noun}s[{index}]"
            yield Problem(DUPLICATE_ID, f"{noun} {ids[index]}", detail, entries[index][image_key])


def _check_annotations(file: LVISFile) -> Iterator[Problem]:
    sizes = [{"width": width, "height": height} for width, height in file.columns["image_size"].tolist()]
    for annotation, row in zip(file.annotations, file.columns["image_row"].tolist(), strict=True):
        image_id = annotation["image_id"]
        image = sizes[row] if row >= 0 else None
        for kind, detail in _annotation_problems(annotation, image, file.label_of):
            yield Problem(kind, f"annotation {annotation['id']} (image {image_id})", detail, image_id)


def _annotation_problems(
    annotation: Mapping[str, Any], image: Mapping[str, Any] | None, known: Mapping[int, int]
) -> Iterator[tuple[str, str]]:
    """(kind, detail) of what is wrong with one annotation."""
    if image is None:
        yield UNKNOWN_IMAGE, f"the file lists no image {annotation['image_id']}"
    if annotation["category_id"] not in known:
        yield UNKNOWN_CATEGORY, f"the file lists no category {annotation['category_id']}"
    x, y, width, height = annotation["bbox"]
    # "not inside" and "not positive", so that NaN, which Python's JSON reader lets pass, is caught
    if not (width > 0 and height > 0):
        yield EMPTY_BOX, f"x, y, w, h = {annotation['bbox']}"
    if image is not None and not (
        min(x, y) >= -BOX_TOLERANCE
        and x + width <= image["width"] + BOX_TOLERANCE
        and y + height <= image["height"] + BOX_TOLERANCE
    ):
        yield BOX_OUTSIDE, f"x, y, w, h = {annotation['bbox']} in {image['width']} x {image['height']}"
    if isinstance(annotation["segmentation"], list):
        yield from _polygon_problems(annotation["segmentation"])
    else:
        yield from _rle_problems(annotation["segmentation"], image)


def _polygon_problems(polygons: list[Any]) -> Iterator[tuple[str, str]]:
    if not polygons:
        yield EMPTY_SEGMENTATION, "no polygon"
    for polygon in polygons:
        if not isinstance(polygon, list) or any(type(value) not in (int, float) for value in polygon):
            yield MALFORMED_SEGMENTATION, f"a polygon that is no list of numbers: {polygon!r:.60}"
        elif len(polygon) < 6:
            yield EMPTY_SEGMENTATION, f"a polygon of {len(polygon) / 2:g} points: {polygon}"
        elif len(polygon) % 2:
            yield MALFORMED_SEGMENTATION, f"a polygon of {len(polygon)} numbers, which are no pairs"


def _rle_problems(rle: Mapping[str, Any], image: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    size, counts = rle.get("size"), rle.get("counts")
    area, total = _pixels(counts)
    if total < 0:
        yield MALFORMED_SEGMENTATION, f"'counts' holds no run lengths: {counts!r:.60}"
    elif area == 0:
        yield EMPTY_SEGMENTATION, "run lengths of area 0"
    elif image is not None and (size != [image["height"], image["width"]] or total != size[0] * size[1]):
        stated = f"{image['height']} x {image['width']}"
        yield MALFORMED_SEGMENTATION, f"size {size} with {total} pixels in runs, the image is {stated} (h x w)"


def _pixels(counts: Any) -> tuple[int, int]:
    """Foreground pixels and all pixels of run lengths, compressed or not; -1 and -1 when they are neither."""
    if isinstance(counts, str):
        area, total = mask_pixels([counts])
        return int(area[0]), int(total[0])
    if isinstance(counts, list) and all(type(run) is int and run >= 0 for run in counts):
        return sum(counts[1::2]), sum(counts)
    return -1, -1


def _check_lists(file: LVISFile) -> Iterator[Problem]:
    """The federated lists of each image: neg_category_ids and not_exhaustive_category_ids."""
    category_ids = file.columns["category_id"]
    for row, image in enumerate(file.images):
        where = f"image {image['id']}"
        positive = set(category_ids[file.rows_of(row)].tolist())
        for category_id in sorted(positive.intersection(image["neg_category_ids"])):
            detail = f"category {category_id} is annotated, and in neg_category_ids"
            yield Problem(POSITIVE_AND_NEGATIVE, where, detail, image["id"])
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            for category_id in sorted(set(image[key]) - file.label_of.keys()):
                detail = f"{key} has category {category_id}, which the file does not list"
                yield Problem(UNKNOWN_LISTED_CATEGORY, where, detail, image["id"])


def _check_counts(file: LVISFile) -> Iterator[Problem]:
    """Counts only annotations of images that are listed: no others can be trained on."""
    listed = file.columns["image_row"] >= 0
    pairs = np.stack([file.columns["category_id"][listed], file.columns["image_row"][listed]], axis=1)
    shown = {
        "instance_count": Counter(pairs[:, 0].tolist()),
        "image_count": Counter(np.unique(pairs, axis=0)[:, 0].tolist()),
    }
    for category in file.categories:
        wrong = [
            f"{key} is {category[key]}, the annotations have {counter[category['id']]}"
            for key, counter in shown.items()
            if category[key] != counter[category["id"]]
        ]
        if wrong:
            yield Problem(COUNTS, f"category {category['id']} ({category['name']})", "; ".join(wrong))
