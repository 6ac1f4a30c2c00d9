"""The objects of one image: a line each, with the number of the class and a box or a polygon, as shares of its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.errors import UserError

TOLERANCE = 0.01  # by which shares may lie outside 0 to 1, as for Ultralytics
FORM = (
    "class x_center y_center width height, or class x1 y1 x2 y2 x3 y3 ... for a polygon, as shares of the image's size"
)


@dataclass(frozen=True)
class Label:
    """One object, in shares of the image's width and height, within the image. category: number of the class, from 0.
    box: left, top, right, bottom. polygon: x, y, x, y, ..., None where there is but a box. cut: how far the box
    reached out of the image, by width and by height. may_be_corners: whether the numbers of a box would be one as x1 y1
    x2 y2 too."""

    category: int
    box: tuple[float, float, float, float]
    polygon: tuple[float, ...] | None
    cut: tuple[float, float]
    may_be_corners: bool = False

    @property
    def is_flat(self) -> bool:
        """Whether nothing is left of it."""
        left, top, right, bottom = self.box
        return right <= left or bottom <= top


def label_path(image: Path) -> Path:
    """Where the objects of an image are: in labels/ instead of the last images/, else beside it."""
    parts = list(image.parts)
    places = [place for place, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def read(path: Path, content: bytes, classes: int, keypoints: int = 0) -> list[Label]:
    """The objects in a label file, in order. keypoints: numbers after the box, which are left out.

    Raises UserError that names the line.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text: {error}", f"each line is {FORM}") from error
    return [
        _label(f"{path}:{number}", line.split(), classes, keypoints)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _label(where: str, words: list[str], classes: int, keypoints: int) -> Label:
    try:
        numbers = [float(word) for word in words]
    except ValueError as error:
        raise UserError(f"{where}: {error}", f"each line is {FORM}") from error
    if keypoints and len(numbers) == 5 + keypoints:
        numbers = numbers[:5]
    category, *shares = numbers
    if not all(map(math.isfinite, numbers)) or category != int(category):
        raise UserError(
            f"{where}: {' '.join(words[:8])!r} has a class or a number that is none", f"each line is {FORM}"
        )
    if not 0 <= category < classes:
        raise UserError(f"{where}: there is no class {int(category)}", f"the classes are 0 to {classes - 1}; see names")
    if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
        sixth = "; a sixth number is the score of a prediction" if len(shares) == 5 else ""
        raise UserError(f"{where}: {len(numbers)} numbers{sixth}", f"each line is {FORM}")
    if not all(-TOLERANCE <= share <= 1 + TOLERANCE for share in shares):
        wrong = next(share for share in shares if not -TOLERANCE <= share <= 1 + TOLERANCE)
        raise UserError(
            f"{where}: {wrong:g} is no share of the image's size", "divide x by its width and y by its height"
        )
    if len(shares) > 4:
        inside = tuple(_clipped(share) for share in shares)
        x, y = inside[::2], inside[1::2]
        return Label(int(category), (min(x), min(y), max(x), max(y)), inside, (_out(shares[::2]), _out(shares[1::2])))
    x_center, y_center, width, height = shares
    corners = (x_center - width / 2, y_center - height / 2, x_center + width / 2, y_center + height / 2)
    left, top, right, bottom = map(_clipped, corners)
    cut = (_out(corners[::2]), _out(corners[1::2]))
    return Label(int(category), (left, top, right, bottom), None, cut, width > x_center and height > y_center)


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))


def _out(shares: Sequence[float]) -> float:
    return max(0.0, -min(shares), max(shares) - 1)
