"""The first pass over a source: which image shows which class, how often, and what the entries lack."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.convert.options import Options
from lt_bench.data.convert.source import Source


@dataclass(frozen=True, eq=False)
class Counted:
    """For I images and K classes, both in the order of the source and of `category_ids`.

    image_ids int64 [I]. sizes: int64 [I, 2], width and height. category_ids int64 [K], ascending.
    shown: one number for each pair of an image and a class that it shows, crowds too, ascending: image * K + class.
    crowded: likewise, of a region with several objects, where the options leave that out of the objects.
    image_count, instance_count: int64 [K], without such regions and what is marked `ignore`, in listed images.
    crowds, annotations: how many there are.
    """

    image_ids: NDArray[np.int64]
    sizes: NDArray[np.int64]
    category_ids: NDArray[np.int64]
    shown: NDArray[np.int64]
    crowded: NDArray[np.int64]
    image_count: NDArray[np.int64]
    instance_count: NDArray[np.int64]
    crowds: int
    annotations: int
    row_of: Mapping[int, int] = field(repr=False)

    def size_of(self, image_id: int) -> tuple[int, int] | None:
        """Width and height of an image; None for one that is not listed."""
        row = self.row_of.get(image_id)
        if row is None:
            return None
        width, height = self.sizes[row].tolist()
        return width, height

    def by_image(self, pairs: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """The classes of each image in turn, as places in category_ids. pairs: `shown` or `crowded`."""
        classes = len(self.category_ids)
        bounds = np.searchsorted(pairs, np.arange(len(self.image_ids) + 1) * classes)
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            yield pairs[begin:end] % classes


def count(source: Source, category_ids: Sequence[int], options: Options) -> Counted:
    """Go through a source once. category_ids: of the data set, ascending; a source may lack some. Annotations of images
    or classes that are not listed count for nothing: whoever checks the result finds them there."""
    images, sizes = array("q"), array("q")
    for image in source.images():
        images.append(image["id"])
        sizes.extend((image["width"], image["height"]))
    row_of = {image_id: row for row, image_id in enumerate(images)}
    class_of = {category_id: place for place, category_id in enumerate(category_ids)}
    classes, crowds, annotations = len(category_ids), 0, 0
    shown, crowded, counted = array("q"), array("q"), array("q")
    for annotation in source.annotations():
        annotations += 1
        is_crowd = bool(annotation.get("iscrowd"))
        crowds += is_crowd
        row, place = row_of.get(annotation["image_id"]), class_of.get(annotation["category_id"])
        if row is None or place is None:
            continue
        pair = row * classes + place
        shown.append(pair)
        if is_crowd and options.crowds != "objects":
            crowded.append(pair)
        elif not annotation.get("ignore"):
            counted.append(pair)
    objects = np.array(counted, dtype=np.int64)
    return Counted(
        image_ids=np.array(images, dtype=np.int64),
        sizes=np.array(sizes, dtype=np.int64).reshape(-1, 2),
        category_ids=np.array(category_ids, dtype=np.int64),
        shown=np.unique(np.array(shown, dtype=np.int64)),
        crowded=np.unique(np.array(crowded, dtype=np.int64)),
        image_count=np.bincount(np.unique(objects) % classes, minlength=classes),
        instance_count=np.bincount(objects % classes, minlength=classes),
        crowds=crowds,
        annotations=annotations,
        row_of=row_of,
    )
