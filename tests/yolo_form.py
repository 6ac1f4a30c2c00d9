"""COCO-form content written as YOLO's form, for tests: the formulas of the form, by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coco_form import write_set

Entry = dict[str, Any]


def write_yolo(root: Path, content: dict[str, Entry], polygons: bool, layout: str = "images/{}") -> Path:
    """data.yaml, the pictures in root/`layout` with train or val, and their label files. Returns the path of data.yaml.

    polygons: lines have the (one) polygon of each object, else its box.
    """
    paths = write_set(root, content)
    for split, path in paths.items():
        path.unlink()
        images = root / layout.format(split)
        images.parent.mkdir(parents=True, exist_ok=True)
        (root / f"{split}2017").rename(images)
        labels = Path("/labels/".join(str(images / "x").rsplit("/images/", 1))).parent
        labels.mkdir(parents=True, exist_ok=True)
        numbers = {category["id"]: place for place, category in enumerate(content[split]["categories"])}
        for image in content[split]["images"]:
            lines = [
                line(each, image, numbers[each["category_id"]], polygons)
                for each in content[split]["annotations"]
                if each["image_id"] == image["id"]
            ]
            if lines:
                (labels / image["file_name"]).with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "annotations").rmdir()
    names = "".join(f"  {place}: {category['name']}\n" for place, category in enumerate(content["train"]["categories"]))
    described = f"path: .  # root\ntrain: {layout.format('train')}\nval: {layout.format('val')}\ntest:\nnames:\n{names}"
    (root / "data.yaml").write_text(described, encoding="utf-8")
    return root / "data.yaml"


def line(annotation: Entry, image: Entry, number: int, polygons: bool) -> str:
    width, height = image["width"], image["height"]
    if polygons:
        (polygon,) = annotation["segmentation"]
        shares = [value / (width, height)[place % 2] for place, value in enumerate(polygon)]
    else:
        x, y, w, h = annotation["bbox"]
        shares = [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
    return " ".join([str(number), *(f"{share:.6f}" for share in shares)])
