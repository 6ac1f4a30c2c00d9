"""What can be told of an annotation file only when all of it has been read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from lt_bench.data.annotation_index.entries import EXHAUSTIVE, LISTS, malformed
from lt_bench.data.annotation_index.gathered import Images
from lt_bench.errors import UserError
from lt_bench.utils.frequency import FREQUENCIES


def category_faults(categories: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Ids that occur twice, and frequency groups that there are not: the field, and in words. categories: by id."""
    for before, after in pairwise(categories):
        if before["id"] == after["id"]:
            names = f"{before.get('name')!r} and {after.get('name')!r}"
            yield "categories.id", f"category id {after['id']} occurs twice: {names}"
    for category in categories:
        frequency = category.get("frequency")
        if frequency is not None and frequency not in FREQUENCIES:
            yield "categories.frequency", f"category {category['id']}: frequency is {frequency!r}, not r, c or f"


def is_exhaustive(path: Path, value: Any, images: Images) -> bool:
    """Whether a file says so. value: of its member EXHAUSTIVE, None where it has none.

    Raises UserError for another value than true and false, and where images list absent classes nevertheless: then it
    is not clear which of the two is meant.
    """
    if type(value) not in (bool, type(None)):
        raise malformed(path, f"{EXHAUSTIVE!r} is {value!r:.40}, expected true or false")
    listed = next((row for row, length in enumerate(images.lengths[LISTS[0]]) if length), None)
    if value and listed is not None:
        raise UserError(
            f"{path}: {EXHAUSTIVE!r} is true, so that every class without an annotation in an image is absent from it, "
            f"but image {images.numbers[5 * listed]} has {LISTS[0]} of its own",
            f"remove {EXHAUSTIVE!r} if the lists are right, and the lists otherwise",
        )
    return bool(value)
