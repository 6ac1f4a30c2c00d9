"""A small synthetic data set in LVIS's form, with images: what both detectors are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common.synthetic_lvis import class_stats, lvis_categories
from lt_bench.data.lvis import DataPaths

# At LVIS's scale (1333, 800) an image of this size becomes one of exactly 1333 x 800.
WIDTH, HEIGHT = 640, 384
IMAGES = 4  # of each split
OBJECTS = 12  # per image, as in LVIS on average
POSITIVE = 4  # categories per image
VERTICES = 30  # of a polygon


def write_images(folder: Path, num_classes: int, seed: int = 0) -> DataPaths:
    """Write IMAGES training and validation images with OBJECTS each, of a long tail of `num_classes` classes.

    Objects are ellipses of another colour than the noise behind them, annotated with polygons. The categories state
    the counts of a long tail like LVIS's (see `class_stats`), whatever the few images show.
    """
    rng = np.random.default_rng(seed)
    stats = class_stats(num_classes)
    instances = np.array(stats.instance_count, dtype=np.float64)
    names = [f"class {label}" for label in range(num_classes)]
    categories = lvis_categories(names, stats.image_count, stats.instance_count)
    files = []
    for split in ("train", "val"):
        (folder / f"{split}2017").mkdir(parents=True, exist_ok=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(1, IMAGES + 1):
            name = f"{split}2017/{number:012d}.jpg"
            pixels = rng.integers(0, 120, (HEIGHT, WIDTH, 3))
            shown = rng.choice(num_classes, POSITIVE, replace=False, p=instances / instances.sum()) + 1
            for polygon, box, inside in _ellipses(rng):
                pixels[inside] += rng.integers(30, 130, 3)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": int(rng.choice(shown)),
                        "bbox": box,
                        "area": float(inside.sum()),
                        "segmentation": [polygon],
                    }
                )
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name, quality=95)
            images.append(
                {
                    "id": number,
                    "width": WIDTH,
                    "height": HEIGHT,
                    "coco_url": f"http://images.cocodataset.org/{name}",
                    "neg_category_ids": [],
                    "not_exhaustive_category_ids": [],
                }
            )
        path = folder / f"lvis_v1_{split}.json"
        path.write_text(json.dumps({"categories": categories, "images": images, "annotations": annotations}))
        files.append(path)
    return DataPaths("lvis_v1", files[0], files[1], folder)


def _ellipses(rng: np.random.Generator) -> Iterator[tuple[list[float], list[float], NDArray[np.bool_]]]:
    """Polygon, box (x, y, width, height) and pixels of OBJECTS ellipses; half are under 50 pixels, as in LVIS."""
    angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    circle = np.stack((np.cos(angle), np.sin(angle)), 1) / 2 + 0.5
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for _ in range(OBJECTS):
        side = np.clip(np.exp(rng.normal(3.9, 0.8, 2)), 8, 0.9 * HEIGHT).round(2)
        corner = (rng.random(2) * ([WIDTH, HEIGHT] - side)).round(2)
        middle = corner + side / 2
        inside = ((x - middle[0]) / side[0]) ** 2 + ((y - middle[1]) / side[1]) ** 2 <= 0.25
        polygon = (corner + circle * side).round(2)
        yield polygon.ravel().tolist(), [*corner.tolist(), *side.tolist()], inside
