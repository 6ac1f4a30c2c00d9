"""What can be wrong with a data set, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

MISSING_IMAGE = "missing image"
AMBIGUOUS_IMAGE = "several files for one image"
UNREADABLE_IMAGE = "unreadable image"
IMAGE_SIZE = "image size differs from the annotations"
NO_SIZE = "impossible image size"
TOO_NARROW = "image too narrow to be resized"
BOX_OUTSIDE = "box outside the image"
EMPTY_BOX = "empty box"
NOT_FINITE = "number that is not finite"
IGNORED_AREA = "area that keeps an object out of the evaluation"
EMPTY_SEGMENTATION = "empty segmentation"
MALFORMED_SEGMENTATION = "malformed segmentation"
UNKNOWN_CATEGORY = "unknown category"
UNKNOWN_IMAGE = "annotation of an unknown image"
DUPLICATE_ID = "duplicate id"
LARGE_ID = "id that JSON can't hold exactly"
COUNTS = "counts disagree with the annotations"
POSITIVE_AND_NEGATIVE = "category both annotated and listed as absent"
UNKNOWN_LISTED_CATEGORY = "unknown category in an image's lists"
NOTHING_TO_TRAIN = "nothing to train on"
NOTHING_TO_EVALUATE = "nothing to evaluate on"
ODD_FLAG = "iscrowd or ignore that is neither 0 nor 1"
CATEGORIES = "train and val disagree"

# In the order in which they are shown.
REMEDIES = {
    MISSING_IMAGE: "put the file there, or correct its name; folders of known layouts are in docs/data.md",
    AMBIGUOUS_IMAGE: "name the folder in file_name, or remove the file that is not meant",
    UNREADABLE_IMAGE: "get the file again, or save it as JPEG or PNG of 8 bits",
    IMAGE_SIZE: "state the size of the file as it is loaded, which is turned by its EXIF orientation",
    NO_SIZE: "state the image's width and height in pixels",
    TOO_NARROW: "leave it out (--exclude-images), or cut it into several",
    BOX_OUTSIDE: "write bbox as x, y, width, height in pixels of the image",
    EMPTY_BOX: "write bbox as x, y, width, height, or remove the annotation",
    NOT_FINITE: "write bbox and area as finite numbers",
    IGNORED_AREA: "write the area of the mask or, without one, the box, in square pixels; `data convert` computes it",
    EMPTY_SEGMENTATION: "give each object a mask or remove it, or use boxes alone: run --detector faster_rcnn, "
    "eval --box-only",
    MALFORMED_SEGMENTATION: "write polygons as [[x, y, x, y, x, y, ...], ...], or run lengths as COCO does",
    UNKNOWN_CATEGORY: "correct category_id, or add the category",
    UNKNOWN_IMAGE: "correct image_id, or remove the annotation",
    DUPLICATE_ID: "number them anew",
    LARGE_ID: "number them anew; tools that read numbers as float64 take neighbouring ids for one",
    COUNTS: "count again: image_count and instance_count are those of the training annotations",
    POSITIVE_AND_NEGATIVE: "remove the category from neg_category_ids",
    UNKNOWN_LISTED_CATEGORY: "correct the list, or add the category",
    NOTHING_TO_TRAIN: "give at least one object a box of a pixel or more inside its image, which is large enough",
    NOTHING_TO_EVALUATE: "give the validation set objects, or name the file that has them",
    ODD_FLAG: "write the number 0 or 1",
    CATEGORIES: "export both files with one list of categories: the same ids and names",
}
KINDS = tuple(REMEDIES)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. kind: one of KINDS. where: which entry. detail: its field and value, in words.

    image_id: the image to leave out to be rid of it, if that helps. file: the name of the annotation file.
    """

    kind: str
    where: str
    detail: str
    image_id: int | None = None
    file: str = ""


def summary(problems: Iterable[Problem]) -> str:
    """A table of the problems: number, kind and the first example of each kind, and what to do about it."""
    problems = list(problems)
    if not problems:
        return "no problems"
    counts = Counter(problem.kind for problem in problems)
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.kind, problem)
    width = max(map(len, counts))
    rows = [
        f"{counts[kind]:>8}  {kind:<{width}}  e.g. {described(first[kind])}\n{'':>8}  {'':<{width}}  {REMEDIES[kind]}"
        for kind in KINDS
        if kind in counts
    ]
    return "\n".join([*rows, f"{len(problems):>8}  in all"])


def described(problem: Problem) -> str:
    """Where it is, and what."""
    file = f"{problem.file}: " if problem.file else ""
    return f"{file}{problem.where}: {problem.detail}"
