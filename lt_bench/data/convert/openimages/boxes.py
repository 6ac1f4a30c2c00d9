"""The rows of a table of boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lt_bench.data.convert.openimages.tables import number, rows
from lt_bench.errors import UserError

# Columns that are kept, and the fields that they become: 1 where it is so, 0 where it isn't, -1 where nobody knows.
FLAGS = {
    "IsOccluded": "is_occluded",
    "IsTruncated": "is_truncated",
    "IsDepiction": "is_depiction",
    "IsInside": "is_inside",
}
UNLISTED, FLAT, CLIPPED = "of other classes", "without an area", "partly outside"  # what is counted of the rows
BEYOND = 0.01  # of the image's size: a coordinate further outside is of another unit
EXCHANGED = 0.01  # of the rows end before they begin: more are no slips but exchanged columns
Box = tuple[float, float, float, float]  # left, top, right, bottom, as parts of the image's width and height
_FLAG_TEXTS = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "": 0, "-1": -1, "-1.0": -1}
_COLUMNS = ("ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax", "IsGroupOf")


class BoxRow(NamedTuple):
    """image: its id. place: of the class. flags: the values of FLAGS that the table has."""

    image: str
    place: int
    box: Box
    is_group: bool
    flags: dict[str, int]


def read_boxes(path: Path, places: Mapping[str, int], counted: Counter[str]) -> Iterator[BoxRow]:
    """The boxes of the classes in `places` (from label to place), in the table's order. Boxes without width or height
    are left out. counted: how many rows were left out or clipped, and why. Raises UserError for a damaged row, and at
    the end for a table with exchanged columns."""
    taken, backwards, first = 0, 0, ""
    for line, (image, label, *corners, group, occluded, truncated, depiction, inside) in rows(
        path, _COLUMNS, (*FLAGS,)
    ):
        place = places.get(label)
        if place is None:
            counted[UNLISTED] += 1
            continue
        taken += 1
        box = box_of(corners, _COLUMNS[2:6], path, line, counted)
        if box is None:
            counted[FLAT] += 1
            at = next((at for at in (0, 2) if float(corners[at]) > float(corners[at + 1])), None)
            if at is not None:
                backwards += 1
                low, high = _COLUMNS[2 + at : 4 + at]
                first = first or f"line {line}: {low} is {corners[at]} and {high} {corners[at + 1]}"
            continue
        values = zip(FLAGS.items(), (occluded, truncated, depiction, inside), strict=True)
        flags = {name: _flag(value, path, line, column) for (column, name), value in values if value}
        yield BoxRow(image, place, box, _flag(group, path, line, _COLUMNS[6]) == 1, flags)
    if backwards > EXCHANGED * taken:
        raise UserError(
            f"{path}: {backwards:,} of {taken:,} boxes end before they begin, the first in {first}",
            "the columns are not in the order of the header: correct it, or take the official table",
        )


def _flag(text: str, path: Path, line: int, column: str) -> int:
    """1, 0, or -1 where nobody knows, also as other programs write them; an empty text is 0."""
    value = _FLAG_TEXTS.get(text.lower())
    if value is None:
        raise UserError(f"{path}, line {line}: {column} is {text!r:.40}, expected 0, 1 or -1", "write one of these")
    return value


def box_of(corners: list[str], columns: tuple[str, ...], path: Path, line: int, counted: Counter[str]) -> Box | None:
    """From XMin, XMax, YMin, YMax; None where there is nothing between them. Raises UserError for other numbers than
    parts of an image's size."""
    try:
        left, right, top, bottom = map(float, corners)
    except ValueError:
        left, right, top, bottom = (
            number(text, column, path, line) for text, column in zip(corners, columns, strict=True)
        )
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        for text, column in zip(corners, columns, strict=True):
            if not -BEYOND <= number(text, column, path, line) <= 1 + BEYOND:
                raise UserError(
                    f"{path}, line {line}: {column} is {text}; coordinates are parts of the image's size, from 0 to 1",
                    "divide by the image's width or height, or take the official table",
                )
        left, right, top, bottom = (min(max(value, 0.0), 1.0) for value in (left, right, top, bottom))
        if not (left < right and top < bottom):
            return None
        counted[CLIPPED] += 1
    return left, top, right, bottom
