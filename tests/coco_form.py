"""Small data sets in COCO's own form, for tests: the JSON, and pictures for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = 64  # pixels
NAMES = {3: "disc", 5: "kite", 11: "wedge", 90: "comb"}  # with gaps, as COCO's ids have
Entry = dict[str, Any]


def coco_form(images: Iterable[int], objects: Iterable[tuple[int, int]], names: dict[int, str] | None = None) -> Entry:
    """What instances_*.json holds. objects: (image id, category id); each has a box of its own, and a mask that is a
    part of it."""
    annotations = []
    for number, (image, category) in enumerate(objects, start=1):
        x, y = 2 + 7 * (number % 5), 3 + 5 * (number % 7)
        triangle = [[x, y, x + 16, y, x + 16, y + 20]]
        annotations.append(
            {
                **{"id": 100 + number, "image_id": image, "category_id": category, "iscrowd": 0},
                **{"bbox": [x, y, 16, 20], "area": 160.0, "segmentation": triangle},
            }
        )
    return {
        "info": {"year": 2017},
        "licenses": [],
        "images": [
            {"id": key, "width": SIZE, "height": SIZE, "file_name": f"{key:012d}.png", "license": 1} for key in images
        ],
        "annotations": annotations,
        "categories": [{"id": key, "name": name, "supercategory": "thing"} for key, name in (names or NAMES).items()],
    }


def small_set() -> dict[str, Entry]:
    """By split: a long tail of four classes, of which the last has no training image."""
    train = coco_form(range(1, 13), [(image, 3) for image in range(1, 12)] + [(1, 3), (2, 5), (3, 5), (3, 11)])
    val = coco_form(range(21, 25), [(21, 3), (22, 5), (23, 11), (24, 90), (24, 3), (24, 3)])
    return {"train": train, "val": val}


def write_set(root: Path, content: dict[str, Entry], pictures: bool = True) -> dict[str, Path]:
    """annotations/instances_{split}2017.json below `root`, and the pictures, in COCO's layout."""
    paths = {}
    for split, one in content.items():
        paths[split] = root / "annotations" / f"instances_{split}2017.json"
        paths[split].parent.mkdir(parents=True, exist_ok=True)
        paths[split].write_text(json.dumps(one), encoding="utf-8")
        for image in one["images"] if pictures else ():
            drawn = np.full((SIZE, SIZE, 3), image["id"], dtype=np.uint8)  # each another
            for annotation in one["annotations"]:
                if annotation["image_id"] == image["id"]:
                    x, y, width, height = annotation["bbox"]
                    drawn[y : y + height, x : x + width] = 50 + 2 * annotation["category_id"]
            path = root / f"{split}2017" / image["file_name"]
            path.parent.mkdir(exist_ok=True)
            assert cv2.imwrite(str(path), drawn)
    return paths
