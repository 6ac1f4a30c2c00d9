"""A miniature of V3Det in the form of the official files: all 13,204 classes, few images, one small picture each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CLASSES = 13_204
SIZE = 64  # pixels
ROOT_NODE = "n00001740"
OBJECTS = {  # of each image, by its place in the split, the classes that it shows
    "train": [(1, 2), (1, 13_204), (1,), (5_000, 5_000), (7, 1), (2,)],
    "val": [(1, 2), (13_204,), (9, 5_000)],
}


def node(category: int) -> str:
    """The id of a class in the category tree, which names the folder of images that were found with it."""
    return f"a{category:08d}"


def categories() -> list[dict[str, Any]]:
    return [
        {
            **{"id": key, "name": f"thing {key}", "name_zh": f"物 {key}", "novel": key % 2 == 0},
            **{"cat_info": [f"What thing {key} is."], "cat_info_gpt": [f"Thing {key} is long described. " * 8]},
        }
        for key in range(1, CLASSES + 1)
    ]


def annotation_file(split: str) -> dict[str, Any]:
    """What v3det_2023_v1_{split}.json holds."""
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for place, shown in enumerate(OBJECTS[split]):
        image = place + (1 if split == "train" else 101)
        name = f"images/{node(shown[0])}/{image}_37_{image:08d}_c.jpg"
        images.append({"id": image, "file_name": name, "height": SIZE, "width": SIZE})
        for number, category in enumerate(shown):
            box = [4.0 + 24 * number, 6.0 + place, 20.0, 24.0]
            boxes.append(
                {
                    **{"id": len(boxes) + 1, "image_id": image, "category_id": category, "iscrowd": 0},
                    **{"bbox": box, "area": box[2] * box[3]},
                }
            )
    return {"images": images, "categories": categories(), "annotations": boxes}


def write_v3det(root: Path) -> Path:
    """`root`, with annotations/ and images/ of the miniature below."""
    folder = root / "annotations"
    folder.mkdir(parents=True)
    for split in OBJECTS:
        content = annotation_file(split)
        (folder / f"v3det_2023_v1_{split}.json").write_text(json.dumps(content), encoding="utf-8")
        for image in content["images"]:
            path = root / image["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = np.random.default_rng(image["id"]).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
            assert cv2.imwrite(str(path), picture)
    names = "".join(f"{each['name']}\n" for each in categories())
    (folder / "category_name_13204_v3det_2023_v1.txt").write_text(names, encoding="utf-8")
    tree = {
        "categoryid2treeid": {str(key): node(key) for key in range(1, CLASSES + 1)},
        "ancestor2descendant": {node(1): [node(2)]},
        "father2child": {ROOT_NODE: [node(1)], node(1): [node(2)]},
    }
    (folder / "v3det_2023_v1_category_tree.json").write_text(json.dumps(tree), encoding="utf-8")
    return root
