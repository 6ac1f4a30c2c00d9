"""Whether a segmentation is one that lvis-api, vernier and a detector's loader read alike, and in bounded memory.

pycocotools, which both lvis-api and mmdet call, checks none of this: it takes four numbers for a box, draws whatever a
polygon's coordinates ask for (so 1e8 costs gigabytes), and reads run lengths past their end.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.rle import mask_pixels

SOUND, ABSENT, EMPTY, FLAT, NO_NUMBERS, SHORT, ODD, NOT_FINITE, FAR, LONG, NO_RUNS, SIZE, TOTAL = range(13)
NO_PIXEL, OUTSIDE = 13, 14  # which all read alike
TOLERANCE = 1.0  # pixels outside an image that are rounding
REACH = 1000, 10  # a coordinate is far outside beyond so many pixels, and so many times the image's longer side
LONGEST_OUTLINE = 1 << 22  # pixels, of all polygons of an object; pycocotools needs some fifty bytes for each
BATCH = 1 << 10  # compressed run lengths that are measured at once

_NUMBERS = frozenset((int, float))
_LONGEST_SIDE = (1 << 31) - 1
_NOWHERE = (inf, inf, -inf, -inf)
Extent = tuple[float, float, float, float]  # left, top, right, bottom
Size = tuple[int, int]  # width, height


class Segmentations:
    """Takes segmentations one after the other and keeps what is wrong with each."""

    def __init__(self) -> None:
        self._faults, self._compressed = array("B"), array("b")
        self._extents = array("d")  # of polygons; of run lengths 0, 0 and their size
        self._waiting: list[tuple[int, str, int]] = []  # place, compressed run lengths, the pixels that they must have

    def add(self, segmentation: Any) -> None:
        """The next one: polygons, run lengths (a dict) or None where there is none."""
        if type(segmentation) is list:
            fault, extent = _polygons(segmentation)
        elif segmentation is None:
            fault, extent = ABSENT, _NOWHERE
        else:
            fault, extent = self._run_lengths(segmentation)
        self._faults.append(fault)
        self._compressed.append(type(segmentation) is dict)
        self._extents.extend(extent)

    def faults(self, sizes: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """What is wrong with each, uint8 [A]: SOUND or another constant of this module.

        sizes: width and height of the image of each, [A, 2]. known: whether there is such an image, [A].
        """
        self._measure()
        faults = np.frombuffer(self._faults, dtype=np.uint8).copy()
        compressed = np.frombuffer(self._compressed, dtype=bool)
        extents = np.frombuffer(self._extents, dtype=np.float64).reshape(-1, 4)
        runs = compressed & known & np.isin(faults, (SOUND, NO_PIXEL))
        faults[runs & (extents[:, 2:] != sizes).any(axis=1)] = SIZE
        outside = np.maximum(-extents[:, :2].min(axis=1), (extents[:, 2:] - sizes).max(axis=1))
        polygons = ~compressed & known & (faults == SOUND)
        faults[polygons & (outside > TOLERANCE)] = OUTSIDE
        faults[polygons & (outside > np.maximum(REACH[0], REACH[1] * sizes.max(axis=1)))] = FAR
        return faults

    def _run_lengths(self, rle: Mapping[str, Any]) -> tuple[int, Extent]:
        size, counts = rle.get("size"), rle.get("counts")
        if type(size) is not list or len(size) != 2 or any(type(side) is not int for side in size):
            return SIZE, _NOWHERE
        if not 0 < size[0] <= _LONGEST_SIDE or not 0 < size[1] <= _LONGEST_SIDE:
            return SIZE, _NOWHERE
        fault, pixels = NO_RUNS, size[0] * size[1]
        if type(counts) is str:
            if len(self._waiting) == BATCH:
                self._measure()
            self._waiting.append((len(self._faults), counts, pixels))
            fault = SOUND
        elif type(counts) is list and all(type(run) is int and run >= 0 for run in counts):
            fault = _of_runs(sum(counts[1::2]), sum(counts), pixels)
        return fault, (0, 0, size[1], size[0])

    def _measure(self) -> None:
        areas, totals = mask_pixels([counts for _, counts, _ in self._waiting]) if self._waiting else ((), ())
        for (place, _, pixels), area, total in zip(self._waiting, areas, totals, strict=True):
            self._faults[place] = _of_runs(int(area), int(total), pixels)
        self._waiting.clear()


def _of_runs(area: int, total: int, pixels: int) -> int:
    """area, total: pixels of the object and of all runs, -1 where they are no run lengths. pixels: of the image."""
    if total < 0:
        return NO_RUNS
    if total != pixels:
        return TOTAL
    return NO_PIXEL if area == 0 else SOUND


def _polygons(polygons: list[Any]) -> tuple[int, Extent]:
    if not polygons:
        return EMPTY, _NOWHERE
    left, top, right, bottom = _NOWHERE
    longest = 0.0  # that the outlines can be together
    for polygon in polygons:
        if type(polygon) is not list:
            return FLAT if _NUMBERS.issuperset(map(type, polygons)) else NO_NUMBERS, _NOWHERE
        if not _NUMBERS.issuperset(map(type, polygon)):
            return NO_NUMBERS, _NOWHERE
        if len(polygon) < 6:
            return SHORT if any(polygons) else EMPTY, _NOWHERE
        if len(polygon) % 2:
            return ODD, _NOWHERE
        if not _are_finite(polygon):
            return NOT_FINITE, _NOWHERE
        xs, ys = polygon[::2], polygon[1::2]
        x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
        longest += len(xs) * max(x1 - x0, y1 - y0)
        left, top, right, bottom = min(left, x0), min(top, y0), max(right, x1), max(bottom, y1)
    if longest > LONGEST_OUTLINE and sum(_outline(part[::2], part[1::2]) for part in polygons) > LONGEST_OUTLINE:
        return LONG, _NOWHERE
    return SOUND, (left, top, right, bottom)


def _are_finite(numbers: list[float]) -> bool:
    """Whether the sum is finite, which it is of all numbers but those that are not, or beyond every image."""
    try:
        return isfinite(sum(numbers))
    except OverflowError:  # an integer beyond every float
        return False


def _outline(xs: list[float], ys: list[float]) -> float:
    """Pixels of a closed outline: each side counts as many as it spans in x or in y."""
    return sum(
        max(abs(x - xs[place - 1]), abs(y - ys[place - 1])) for place, (x, y) in enumerate(zip(xs, ys, strict=True))
    )


def describe(fault: int, segmentation: Any, size: Size | None) -> str:
    """What is wrong, with the value. size: the image's width and height, if there is such an image."""
    value = f"{segmentation!r:.80}"
    stated = "x".join(map(str, size)) if size else "unknown"
    if fault in (SIZE, TOTAL, NO_PIXEL, NO_RUNS):
        return f"{_RUN_LENGTHS[fault]}: {value}, image {stated} (width x height)"
    if fault in (SHORT, ODD, NO_NUMBERS):
        part = next((part for part in segmentation if not _is_sound(part)), segmentation)
        return f"{_POLYGONS[fault]}: {part!r:.80}"
    if fault in (FAR, OUTSIDE, LONG):
        numbers = [value for part in segmentation for value in part]
        return f"{_POLYGONS[fault]}: coordinates from {min(numbers)} to {max(numbers)}, image {stated} (width x height)"
    return f"{_POLYGONS[fault]}: {value}"


def _is_sound(polygon: Any) -> bool:
    return type(polygon) is list and _polygons([polygon])[0] == SOUND


_POLYGONS = {
    ABSENT: "there is none",
    EMPTY: "no polygon",
    FLAT: "a flat list of numbers, expected a list of polygons, each a list of x, y, x, y, ...",
    NO_NUMBERS: "a polygon that is no list of numbers",
    SHORT: "a polygon of fewer than three points (six numbers); four would be read as a box",
    ODD: "a polygon of an odd number of numbers, which are no pairs",
    NOT_FINITE: "a coordinate that is not finite, or beyond every image",
    FAR: "far outside the image",
    LONG: f"an outline of more than {LONGEST_OUTLINE:,} pixels",
    OUTSIDE: "partly outside the image",
}
_RUN_LENGTHS = {
    NO_RUNS: "'counts' holds no run lengths",
    SIZE: "'size' is not the image's [height, width]",
    TOTAL: "the runs in 'counts' do not fill the image",
    NO_PIXEL: "run lengths of area 0",
}
