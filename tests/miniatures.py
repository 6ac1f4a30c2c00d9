"""A miniature of each data set that is known by name, in the exact form of its official files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coco_form import Entry, small_set, write_set

Content = dict[str, Any]
HOST = "http://images.cocodataset.org"


def lvis_form(coco: Entry, split: str, counted: Entry) -> Content:
    """COCO-form content as LVIS v1's files have it: images by coco_url alone. counted: of the training set."""
    shown = {image["id"]: {each["category_id"] for each in of(coco, image["id"])} for image in coco["images"]}
    categories = []
    for category in coco["categories"]:
        own = [each for each in counted["annotations"] if each["category_id"] == category["id"]]
        count = len({each["image_id"] for each in own})
        frequency = "r" if count <= 10 else "c" if count <= 100 else "f"
        counts = {"image_count": count, "instance_count": len(own), "frequency": frequency}
        names = {"synset": f"{category['name']}.n.01", "synonyms": [category["name"]], "def": "made"}
        categories.append({"id": category["id"], "name": category["name"], **names, **counts})
    ids = {category["id"] for category in categories}
    images = [
        {
            **{key: image[key] for key in ("id", "width", "height", "license")},
            **{"coco_url": f"{HOST}/{split}2017/{image['file_name']}", "flickr_url": "", "date_captured": ""},
            **{"neg_category_ids": sorted(ids - shown[image["id"]]), "not_exhaustive_category_ids": []},
        }
        for image in coco["images"]
    ]
    annotations = [{key: each[key] for key in each if key != "iscrowd"} for each in coco["annotations"]]
    return {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def of(coco: Entry, image: int) -> list[Entry]:
    return [each for each in coco["annotations"] if each["image_id"] == image]


def write(path: Path, content: Content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def lvis_minival(root: Path) -> None:
    """The files of LVIS v1, of which val has a training image of COCO as well, and minival as GLIP's authors give it:
    the images of val2017, with a file_name."""
    coco = small_set()
    write_set(root, coco)
    (root / "annotations" / "instances_train2017.json").unlink()
    (root / "annotations" / "instances_val2017.json").unlink()
    full = {split: lvis_form(coco[split], split, coco["train"]) for split in ("train", "val")}
    minival = json.loads(json.dumps(full["val"]))
    for image in minival["images"]:
        image["file_name"] = "/".join(image["coco_url"].split("/")[-2:])
    moved = full["train"]["images"].pop()
    full["train"]["annotations"] = [each for each in full["train"]["annotations"] if each["image_id"] != moved["id"]]
    full["val"]["images"].append(moved)
    for split, content in full.items():
        write(root / "annotations" / f"lvis_v1_{split}.json", content)
    write(root / "annotations" / "lvis_v1_minival_inserted_image_name.json", minival)


def coco_lt(root: Path) -> None:
    """COCO's own files, and what is made of them."""
    from lt_bench.data import coco_lt

    write_set(root, small_set())
    coco_lt.make(root)


MINIATURES: dict[str, Callable[[Path], None]] = {"lvis_minival": lvis_minival, "coco_lt": coco_lt}
