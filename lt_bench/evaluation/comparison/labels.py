"""Where the names of points go in a picture: near their own point, off all others, each with a line to its point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_GAPS = (0.6, 1.2, 2.0, 3.0, 4.2, 5.6)  # between a point and its name, in heights of a line
_ANGLES = np.radians((30, 150, -30, -150, 60, 120, -60, -120, 0, 180))
_STEPS = np.linspace(0, 1, 24)[:, None]  # along a line


class Box(NamedTuple):
    left: float
    low: float
    right: float
    high: float


class Label(NamedTuple):
    """box: of the name. end: of the line from the point, at the box's edge."""

    box: Box
    end: tuple[float, float]


def placed(
    points: Floats, sizes: Sequence[tuple[float, float]], marks: Floats, bars: Floats, frame: Box
) -> list[Label | None]:
    """A place for the name of each of `points`, float64 [N, 2]; the first ones choose first. None: there is no room.

    sizes: width and height of each name. marks, bars: boxes, float64 [M, 4] as `Box`, of all points and of their
    intervals. Names and lines keep off all marks and each other, and names off the bars where there is room. All in the
    same unit.
    """
    found: list[Label | None] = []
    taken: Floats = np.empty((0, 4))
    lines: list[Floats] = []
    for point, size in zip(points, sizes, strict=True):
        others = marks[~_holds(marks, point[None])[0]]
        found.append(None)
        for obstacles, label in product((np.concatenate((marks, bars)), marks), _candidates(point, size)):
            line, box = point + _STEPS * (np.array(label.end) - point), np.array([label.box])
            if (
                _inside(label.box, frame)
                and not _overlap(box[0], np.concatenate((obstacles, taken))).any()
                and not _holds(np.concatenate((others, taken)), line).any()
                and not any(_holds(box, other).any() or _cross(line, other) for other in lines)
            ):
                found[-1] = label
                taken = np.concatenate((taken, box))
                lines.append(line)
                break
    return found


def _candidates(point: Floats, size: tuple[float, float]) -> Iterator[Label]:
    """Nearest first."""
    width, height = size
    for gap, angle in product(_GAPS, _ANGLES):
        end = point + gap * height * np.array((np.cos(angle), np.sin(angle)))
        across, up = round(float(np.cos(angle)), 6), round(float(np.sin(angle)), 6)
        left = end[0] - (width / 2 if across == 0 else width if across < 0 else 0)
        low = end[1] - (height / 2 if abs(up) <= 0.5 else height if up < 0 else 0)
        yield Label(Box(left, low, left + width, low + height), (float(end[0]), float(end[1])))


def _inside(box: Box, frame: Box) -> bool:
    return frame.left <= box.left and box.right <= frame.right and frame.low <= box.low and box.high <= frame.high


def _overlap(box: Floats, others: Floats) -> NDArray[np.bool_]:
    both = (box[:2] < others[:, 2:]) & (others[:, :2] < box[2:])
    return np.asarray(both.all(axis=1), dtype=np.bool_)


def _holds(boxes: Floats, points: Floats) -> NDArray[np.bool_]:
    """bool [points, boxes]: which point lies in which box."""
    x, y = points[:, :1], points[:, 1:]
    return (boxes[:, 0] < x) & (x < boxes[:, 2]) & (boxes[:, 1] < y) & (y < boxes[:, 3])


def _cross(one: Floats, other: Floats) -> bool:
    """Whether two straight lines, given by points on them, cross."""

    def side(line: Floats, point: Floats) -> float:
        (x, y), (dx, dy) = line[0], line[-1] - line[0]
        return float(np.sign(dx * (point[1] - y) - dy * (point[0] - x)))

    return side(one, other[0]) != side(one, other[-1]) and side(other, one[0]) != side(other, one[-1])
