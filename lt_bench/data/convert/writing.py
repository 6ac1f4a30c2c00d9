"""The second pass over a source: its LVIS file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from lt_bench.data.annotation_index.entries import EXHAUSTIVE
from lt_bench.data.convert.counting import Counted
from lt_bench.data.convert.options import Options
from lt_bench.data.convert.shapes import box_area, box_polygon, has_area, has_mask, mask_area
from lt_bench.data.convert.source import LISTS, Entry, Source

BATCH = 1 << 10  # entries that are written at once
# Absent classes that a file lists at most, about 130 MB of it. COCO's training set has 9 million, V3Det's 2.4 billion.
MOST_LISTED = 20_000_000
Changes = Counter[str]
MASK_AREAS, BOX_AREAS, NO_AREA = "areas of masks", "areas of boxes", "no area"
BOX_MASKS, NO_MASK, WRITTEN = "masks of boxes", "no mask", "written"
EMPTY_PARTS = "empty polygons"


def lvis_json(
    source: Source, counted: Counted, categories: Sequence[Entry], options: Options, changes: Changes
) -> Iterator[bytes]:
    """The text of the LVIS file, piece by piece, equal for equal input. changes: how often what was changed."""
    said = f'"{EXHAUSTIVE}": true,\n' if source.exhaustive and not lists_absent(counted) else ""
    head = '{"info": {"description": "made by lt_bench data convert", "version": "v1.0"},\n'
    yield f'{head}{said}"images": [\n'.encode()
    yield from _list(_images(source, counted, options, changes))
    yield b'],\n"annotations": [\n'
    yield from _list(_annotations(source, counted, options, changes))
    yield b'],\n"categories": [\n'
    yield from _list(iter(categories))
    yield b"]}\n"


def absent(counted: Counted) -> int:
    """How many pairs there are of an image and a class that it does not show."""
    return len(counted.image_ids) * len(counted.category_ids) - len(counted.shown)


def lists_absent(counted: Counted) -> bool:
    """Whether each image of an exhaustive source lists what is absent. Otherwise the file says once that everything is
    that has no annotation, and the images have no list: with an empty one, lvis-api would evaluate the file as if
    nothing were known to be absent; without, it fails."""
    return absent(counted) <= MOST_LISTED


def _list(entries: Iterator[Entry]) -> Iterator[bytes]:
    separator = ""
    while batch := list(islice(entries, BATCH)):
        yield (separator + ",\n".join(map(json.dumps, batch)) + "\n").encode()
        separator = ","


def _images(source: Source, counted: Counted, options: Options, changes: Changes) -> Iterator[Entry]:
    negative, open_ = LISTS
    listed = lists_absent(counted)
    every = np.ones(len(counted.category_ids), dtype=bool)
    pairs = zip(source.images(), counted.by_image(counted.shown), counted.by_image(counted.crowded), strict=True)
    for image, shown, crowded in pairs:
        if source.exhaustive and not listed:
            image.pop(negative, None)
        elif source.exhaustive:
            unseen = every.copy()
            unseen[shown] = False
            image[negative] = counted.category_ids[unseen].tolist()
        else:
            image[negative] = image.get(negative) or []
        image[open_] = list(image.get(open_) or ())
        if options.crowds == "drop":
            ids = counted.category_ids[crowded].tolist()
            image[open_] += [category_id for category_id in ids if category_id not in image[open_]]
        yield image


def _annotations(source: Source, counted: Counted, options: Options, changes: Changes) -> Iterator[Entry]:
    for annotation in source.annotations():
        if annotation.get("iscrowd"):
            if options.crowds == "drop":
                continue
            if options.crowds == "ignore":
                annotation["ignore"] = 1
            else:
                annotation["iscrowd"] = 0
        source.finish(annotation)
        _complete(annotation, counted, options, changes)
        changes[WRITTEN] += 1
        yield annotation


def _complete(annotation: Entry, counted: Counted, options: Options, changes: Changes) -> None:
    box, masked = annotation["bbox"], has_mask(annotation)
    if masked and isinstance(annotation["segmentation"], list) and [] in annotation["segmentation"]:
        annotation["segmentation"] = [part for part in annotation["segmentation"] if part != []]
        changes[EMPTY_PARTS] += 1
    if not has_area(annotation):
        size = counted.size_of(annotation["image_id"])
        area = mask_area(annotation["segmentation"], size) if masked and size else None
        changes[MASK_AREAS] += area is not None
        if area is None:
            found = box_area(box)
            changes[BOX_AREAS if found else NO_AREA] += 1
            annotation["area"] = found or annotation.get("area") or 0.0
        else:
            annotation["area"] = area
    if not masked:
        annotation.pop("segmentation", None)
        changes[NO_MASK] += 1
        if options.masks_of_boxes and box_area(box):
            annotation["segmentation"] = box_polygon(box)
            changes[BOX_MASKS] += 1
