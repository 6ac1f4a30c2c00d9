"""The box-counting dimension of each class's box centres: how evenly its objects fill the image.

Alexandridis et al., Fractal Calibration for Long-tailed Object Detection, CVPR 2025, arXiv 2410.11774, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lt_bench.data.lvis import LVISFile

FINEST = 64  # cells of the finest grid, in each direction
FEWEST = 4  # objects of a class that a line is fitted for


def fractal_dimension(
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    num_classes: int,
    finest: int = FINEST,
) -> NDArray[np.float64]:
    """Of each class, in [1, 2], float64 [C]; 1 for a class with fewer than 4 objects.

    It is the slope of the least-squares line of log B_g against log g over the grids of g x g cells with g^2 at most
    the number of the class's objects, where B_g is how many cells hold one of their centres.

    x, y: centres of the boxes, divided by the image's width and height, [A]; one on the border or beyond it, which the
    official code leaves out, counts in the cell at the border. labels: of their classes, [A]. finest: the largest g.
    """
    objects = np.bincount(labels, minlength=num_classes)
    grids = np.arange(1, finest + 1)
    occupied = np.stack([_occupied(x, y, labels, num_classes, int(size)) for size in grids])  # [G, C]
    used = grids[:, None] ** 2 <= objects
    with np.errstate(divide="ignore"):
        log_occupied = np.where(used, np.log(occupied), 0.0)
    log_size = np.where(used, np.log(grids)[:, None], 0.0)
    count = np.maximum(used.sum(axis=0), 1)
    from_mean = np.where(used, log_size - log_size.sum(axis=0) / count, 0.0)
    spread = (from_mean**2).sum(axis=0)
    slope = (from_mean * log_occupied).sum(axis=0) / np.where(spread > 0, spread, 1.0)
    return np.where(objects < FEWEST, 1.0, np.maximum(slope, 1.0))


def of_file(file: LVISFile) -> NDArray[np.float64]:
    """The same of an annotation file's boxes: crowds and annotations of images that it does not list are left out."""
    columns = file.columns
    kept = (columns["image_row"] >= 0) & ~columns["crowd"]
    boxes = np.asarray(columns["bbox"])[kept]
    sizes = np.asarray(columns["image_size"])[np.asarray(columns["image_row"])[kept]]
    centres = (boxes[:, :2] + boxes[:, 2:] / 2) / sizes
    ids = np.asarray(file.category_ids)
    labels = np.searchsorted(ids, np.asarray(columns["category_id"])[kept])
    known = np.isfinite(centres).all(axis=1) & (labels < len(ids))
    known &= ids[np.minimum(labels, len(ids) - 1)] == np.asarray(columns["category_id"])[kept]
    return fractal_dimension(centres[known, 0], centres[known, 1], labels[known], len(ids))


def _occupied(
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: int,
    size: int,
) -> NDArray[np.int64]:
    """How many of size x size cells hold a centre of each class, [C]."""
    edges = np.arange(1, size) * (1 / size)  # as the official code rounds them
    cells = np.searchsorted(edges, y, side="right") * size + np.searchsorted(edges, x, side="right")
    holds = np.zeros((classes, size * size), dtype=bool)
    holds[labels, cells] = True
    found: NDArray[np.int64] = holds.sum(axis=1)
    return found
