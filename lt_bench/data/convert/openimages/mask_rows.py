"""The rows of a table of masks, and which box each is of.

The table of boxes has no ids, and the other one repeats their coordinates, rounded to other digits. The challenge's
evaluation joins the two by image, class and coordinates; so does this, but for the rounding.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from lt_bench.data.convert.openimages.boxes import FLAT, UNLISTED, Box, box_of
from lt_bench.data.convert.openimages.tables import rows

SAME = 1e-4  # coordinates of one box in both tables differ by less: a tenth of a pixel of a thousand
_CORNERS = ("BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax")
_COLUMNS = ("MaskPath", "ImageID", "LabelName", "BoxID", *_CORNERS)


class MaskRows:
    """All rows of classes in `places`, by image and class. Of each it keeps 90 bytes or so."""

    def __init__(self, path: Path, places: Mapping[str, int], counted: Counter[str]) -> None:
        self.path, self._classes = path, max(len(places), 1)
        self.images: dict[str, int] = {}  # in the order in which they appear
        keys, corners, ends = array("q"), array("d"), array("q")
        text = bytearray()
        for line, (mask, image, label, box_id, *given) in rows(path, _COLUMNS):
            place = places.get(label)
            if place is None:
                counted[UNLISTED] += 1
                continue
            box = box_of(given, _CORNERS, path, line, counted)
            counted[FLAT] += box is None
            keys.append(self.images.setdefault(image, len(self.images)) * self._classes + place)
            corners.extend(box or (0.0, 0.0, 0.0, 0.0))
            text += f"{mask}\n{box_id}".encode()
            ends.append(len(text))
        order = np.argsort(np.array(keys, dtype=np.int64), kind="stable")
        self._keys = array("q", np.array(keys, dtype=np.int64)[order].tobytes())
        self._boxes = np.array(corners, dtype=np.float64).reshape(-1, 4)[order]
        self._ends, self._order, self._text = ends, order, text
        self._names = list(self.images)

    def __len__(self) -> int:
        return len(self._keys)

    def shown(self) -> Iterator[tuple[int, int]]:
        """Number of the image, in the order of `images`, and class of all that is masked, each pair once."""
        for key in np.unique(np.array(self._keys, dtype=np.int64)).tolist():
            yield divmod(key, self._classes)

    def find(self, image: str, place: int, box: Box, taken: bytearray) -> int | None:
        """The row of a box's mask, the nearest that is not taken; it is taken then. None where it has none.

        taken: one byte for each row.
        """
        number = self.images.get(image)
        if number is None:
            return None
        key = number * self._classes + place
        best, nearest = None, SAME
        row = bisect_left(self._keys, key)
        while row < len(self._keys) and self._keys[row] == key:
            distance = max(abs(own - other) for own, other in zip(self._boxes[row].tolist(), box, strict=True))
            if distance < nearest and not taken[row]:
                best, nearest = row, distance
            row += 1
        if best is not None:
            taken[best] = 1
        return best

    def untaken(self, taken: bytearray) -> Iterator[tuple[int, str, int, Box]]:
        """Row, image, class and box of masks that no box has."""
        for row in np.flatnonzero(np.frombuffer(taken, dtype=np.uint8) == 0).tolist():
            number, place = divmod(self._keys[row], self._classes)
            left, top, right, bottom = self._boxes[row].tolist()
            if left < right and top < bottom:
                yield row, self._names[number], place, (left, top, right, bottom)

    def named(self, row: int) -> tuple[str, str]:
        """The name of the mask's file, and the id of its box."""
        place = int(self._order[row])
        begin = self._ends[place - 1] if place else 0
        mask, box_id = self._text[begin : self._ends[place]].decode().split("\n")
        return mask, box_id
