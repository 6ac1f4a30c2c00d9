"""What is kept of the entries on the way through a file, and the columns of the index that are made of it."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.annotation_index.entries import LISTS
from lt_bench.data.columns import Columns
from lt_bench.data.segmentation import Segmentations


def _ids_by_list() -> dict[str, array[int]]:
    return {name: array("q") for name in LISTS}


@dataclass
class Images:
    """numbers: id, width, height, first byte and the one after the last of each image. names: its coco_url and
    file_name. lists: the category ids of each of LISTS, image after image; lengths: how many each image has."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    names: list[dict[str, str]] = field(default_factory=list)
    lists: dict[str, array[int]] = field(default_factory=_ids_by_list)
    lengths: dict[str, array[int]] = field(default_factory=_ids_by_list)


@dataclass
class Annotations:
    """numbers: id, image_id, category_id, first byte and the one after the last of each annotation. boxes: x, y, width,
    height and area. flags: whether it is marked `ignore`, and whether it is a crowd."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    boxes: array[float] = field(default_factory=lambda: array("d"))
    flags: array[int] = field(default_factory=lambda: array("b"))
    segmentations: Segmentations = field(default_factory=Segmentations)


def columns(images: Images, annotations: Annotations) -> Columns:
    """Those of lt_bench.data.annotation_index.index.Index."""
    of_images = np.frombuffer(images.numbers, dtype=np.int64).reshape(-1, 5)
    of_annotations = np.frombuffer(annotations.numbers, dtype=np.int64).reshape(-1, 5)
    boxes = np.frombuffer(annotations.boxes, dtype=np.float64).reshape(-1, 5)
    flags = np.frombuffer(annotations.flags, dtype=bool).reshape(-1, 2)
    rows = _rows_of(of_annotations[:, 1], of_images[:, 0])
    sizes = of_images[rows, 1:3]
    by_image = np.argsort(rows, kind="stable")
    first = np.searchsorted(rows[by_image], np.arange(len(of_images) + 1))
    return {
        "image_id": of_images[:, 0],
        "image_size": of_images[:, 1:3],
        "image_span": of_images[:, 3:],
        "names": np.frombuffer(json.dumps(images.names).encode(), dtype=np.uint8),
        **{name: np.frombuffer(ids, dtype=np.int64) for name, ids in images.lists.items()},
        **{f"{name}_first": np.cumsum([0, *lengths]) for name, lengths in images.lengths.items()},
        "annotation_id": of_annotations[:, 0],
        "category_id": of_annotations[:, 2],
        "annotation_span": of_annotations[:, 3:],
        "image_row": rows.astype(np.int32),
        "bbox": boxes[:, :4],
        "area": boxes[:, 4],
        "ignore": flags[:, 0],
        "crowd": flags[:, 1],
        "mask_fault": annotations.segmentations.faults(sizes, rows >= 0),
        "usable": _usable(boxes, sizes) & (rows >= 0) & ~flags[:, 0],
        "by_image": by_image[first[0] :].astype(np.int32),
        "first": first - first[0],
    }


def _rows_of(wanted: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in `ids` each of `wanted` first occurs, -1 where it does not."""
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)
    rows: NDArray[np.int64] = np.where(ids[order[place]] == wanted, order[place], -1)
    return rows


def _usable(boxes: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """False for what mmdet too leaves out of training: under a pixel wide or high, without area, outside the image.
    (So does it with what is marked `ignore`.)"""
    x, y, width, height, area = boxes.T
    with np.errstate(invalid="ignore", over="ignore"):  # the file may hold NaN and infinity
        inside_x = np.minimum(x + width, sizes[:, 0]) > np.maximum(x, 0)
        inside_y = np.minimum(y + height, sizes[:, 1]) > np.maximum(y, 0)
    usable: NDArray[np.bool_] = inside_x & inside_y & (area > 0) & (width >= 1) & (height >= 1)
    return usable
