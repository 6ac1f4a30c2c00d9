"""What boxes can be that are not x, y, width and height in pixels: corners, centres, shares of a side, y before x."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]  # [N, 4]


def _corners(box: Boxes) -> Boxes:
    return np.hstack([box[:, :2], box[:, 2:] - box[:, :2]])


def _centres(box: Boxes) -> Boxes:
    return np.hstack([box[:, :2] - box[:, 2:] / 2, box[:, 2:]])


def _as_they_are(box: Boxes) -> Boxes:
    return box


_ORDERS: tuple[tuple[str, Callable[[Boxes], Boxes], list[int]], ...] = (
    ("[x, y, width, height]", _as_they_are, [0, 1, 2, 3]),
    ("corners [x1, y1, x2, y2]", _corners, [0, 1, 2, 3]),
    ("[x, y, width, height] with x and y of the centre", _centres, [0, 1, 2, 3]),
    ("[y, x, height, width]", _as_they_are, [1, 0, 3, 2]),
    ("corners [y1, x1, y2, x2]", _corners, [1, 0, 3, 2]),
)


def read_otherwise(box: Boxes, size: NDArray[np.float64]) -> Iterator[tuple[str, Boxes]]:
    """Boxes in pixels, as they would be if `box` were of another form, and what this form is called.

    box: float64 [N, 4]. size: width and height of the image of each, [N, 2].
    """
    with np.errstate(all="ignore"):  # what is nonsense in a form may overflow
        for name, meant, order in _ORDERS:
            if meant is not _as_they_are or order != [0, 1, 2, 3]:
                yield name, meant(box[:, order])
        for name, meant, order in _ORDERS:
            yield f"{name} in shares of the image's sides", meant(box[:, order]) * np.hstack([size, size])


def iou(one: Boxes, other: Boxes) -> NDArray[np.float64]:
    """Of boxes x, y, width, height whose shapes broadcast, [..., 4]; 0 where both are empty or a side is negative."""
    with np.errstate(all="ignore"):
        start = np.maximum(one[..., :2], other[..., :2])
        end = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
        overlap = np.clip(end - start, 0, None).prod(axis=-1)
        union = one[..., 2:].prod(axis=-1) + other[..., 2:].prod(axis=-1) - overlap
        found: NDArray[np.float64] = np.nan_to_num(overlap / union)
    return found
