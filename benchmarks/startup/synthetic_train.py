"""A synthetic data set of LVIS v1's size, streamed to disk: annotations in full, and image files that share pixels."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common.synthetic_lvis import lvis_categories, write_json
from lt_bench.api.synthetic_stats import lvis_like

TRAIN, VAL = (100_170, 1_270_141), (19_809, 244_707)  # images and annotations of LVIS v1
SHAPES = 4096  # different outlines; every annotation has one of them
POINTS = 3.75, 0.6  # of an outline: mean and deviation of the logarithm; about as many bytes as in LVIS v1
SIZE = (640, 480)
EMPTY = 128  # one image in so many has no annotation
NEGATIVE = 8  # categories per image that are said to be absent
LINKS = 30_000  # names that one file may have


@dataclass(frozen=True)
class Split:
    """What one annotation file says, without its outlines. rows: the image of each annotation, ascending."""

    name: str
    images: int
    rows: NDArray[np.int64]
    categories: NDArray[np.int64]
    first_id: int


def write_data_set(
    root: Path, train: tuple[int, int] = TRAIN, val: tuple[int, int] = VAL, seed: int = 0
) -> tuple[Path, Path]:
    """Write annotations/lvis_v1_{train,val}.json and {train,val}2017/*.jpg below `root`. Returns the two JSON files.

    train, val: number of images and of annotations. Class names and frequencies are those of `lvis_like`, the counts
    are what was drawn; the file passes `lt_bench data check`.
    """
    rng = np.random.default_rng(seed)
    shapes = [_shape(rng) for _ in range(SHAPES)]
    splits = _draw(rng, "train", *train, first_id=1), _draw(rng, "val", *val, first_id=1_000_001)
    categories = _categories(splits[0])
    paths = []
    (root / "annotations").mkdir(parents=True)
    for split in splits:
        path = root / "annotations" / f"lvis_v1_{split.name}.json"
        write_json(
            path,
            categories=map(json.dumps, categories),
            images=_images(rng, split),
            annotations=_annotations(rng, split, shapes),
        )
        _write_pixels(root / f"{split.name}2017", split)
        paths.append(path)
    return paths[0], paths[1]


def _draw(rng: np.random.Generator, name: str, images: int, annotations: int, first_id: int) -> Split:
    frequency = np.array(lvis_like().instance_count, dtype=np.float64)
    categories = rng.choice(len(frequency), size=annotations, p=frequency / frequency.sum()) + 1
    every = min(len(frequency), annotations)
    categories[rng.choice(annotations, size=every, replace=False)] = np.arange(every) + 1
    rows = np.sort(rng.choice(np.flatnonzero(np.arange(images) % EMPTY), size=annotations))
    return Split(name, images, rows, categories, first_id)


def _categories(train: Split) -> list[dict[str, object]]:
    names = lvis_like().names
    pairs = np.unique(np.stack([train.categories, train.rows], axis=1), axis=0)[:, 0]
    images, instances = (np.bincount(found, minlength=len(names) + 1)[1:] for found in (pairs, train.categories))
    return lvis_categories(names, images.tolist(), instances.tolist())


def _images(rng: np.random.Generator, split: Split) -> Iterator[str]:
    first = np.searchsorted(split.rows, np.arange(split.images + 1))
    classes = lvis_like().num_classes
    for row in range(split.images):
        drawn = set((rng.integers(classes, size=NEGATIVE) + 1).tolist())
        shown = split.categories[first[row] : first[row + 1]].tolist()
        width, height = _size(row)
        yield json.dumps(
            {
                "id": split.first_id + row,
                "width": width,
                "height": height,
                "coco_url": f"http://images.cocodataset.org/{split.name}2017/{split.first_id + row:012d}.jpg",
                "flickr_url": f"http://farm9.staticflickr.com/8186/{rng.integers(10**10)}_{row:010x}_z.jpg",
                "date_captured": "2013-11-14 11:18:45",
                "license": 3,
                "neg_category_ids": sorted(drawn.difference(shown)),
                "not_exhaustive_category_ids": shown[:1] if row % 4 == 0 else [],
            }
        )


def _annotations(rng: np.random.Generator, split: Split, shapes: list[str]) -> Iterator[str]:
    drawn = rng.integers(len(shapes), size=len(split.rows)).tolist()
    columns = zip(drawn, split.rows.tolist(), split.categories.tolist(), strict=True)
    for number, (shape, row, category) in enumerate(columns, start=1):
        yield f'{{{shapes[shape]}, "id": {number}, "image_id": {split.first_id + row}, "category_id": {category}}}'


def _shape(rng: np.random.Generator) -> str:
    """An outline somewhere in the part that all images have, as it stands in JSON."""
    side = min(SIZE)
    width, height = np.clip(np.exp(rng.normal(3.55, 1.1, 2)), 4, 0.9 * side)
    x, y = rng.random(2) * (side - np.array([width, height]))
    count = max(3, int(np.exp(rng.normal(*POINTS))))
    angle = np.sort(rng.random(count)) * 2 * np.pi
    radius = 0.5 + 0.5 * rng.random(count)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None] / 2 + 0.5
    outline = (points * [width, height] + [x, y]).ravel().round(2).tolist()
    box = np.round([x, y, width, height], 2).tolist()
    area = round(float(width * height) / 2, 2)
    return f'"bbox": {json.dumps(box)}, "area": {area}, "segmentation": {json.dumps([outline])}'


def _size(row: int) -> tuple[int, int]:
    """Width and height: every fourth image stands upright."""
    return SIZE if row % 4 else (SIZE[1], SIZE[0])


def _write_pixels(folder: Path, split: Split) -> None:
    """One file by each name, as hard links to a few pictures."""
    folder.mkdir()
    originals: dict[tuple[int, int, int], Path] = {}
    for row in range(split.images):
        path = folder / f"{split.first_id + row:012d}.jpg"
        key = (*_size(row), row // LINKS)
        if key in originals:
            os.link(originals[key], path)
        else:
            ramp = np.linspace(0, 255, key[0], dtype=np.uint8)
            Image.fromarray(np.repeat(np.tile(ramp, (key[1], 1))[..., None], 3, axis=2)).save(path, quality=80)
            originals[key] = path
