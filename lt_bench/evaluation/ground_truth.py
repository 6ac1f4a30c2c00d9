"""The annotations that predictions are measured against."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_bench.errors import UserError

FREQUENCIES = ("r", "c", "f")
KEYS = {
    "images": ("id", "width", "height", "neg_category_ids", "not_exhaustive_category_ids"),
    "annotations": ("id", "image_id", "category_id", "bbox", "area", "segmentation"),
    "categories": ("id", "frequency"),
}
REMEDY = "`python -m lt_bench data check` lists everything that is wrong with a data set."
BEYOND_EVERY_AREA = 1e11  # px^2; lvis-api's widest area range ends at 1e10


@dataclass(frozen=True)
class GroundTruth:
    """path: the annotation file. json: its content, with what vernier reads otherwise than lvis-api put right.
    image_size: image id -> (height, width) in pixels. category_ids: ascending, the order of all per-class results.
    frequency: "r", "c" or "f" of each category, in that order.
    """

    path: Path
    json: bytes
    image_size: dict[int, tuple[int, int]]
    category_ids: tuple[int, ...]
    frequency: tuple[str, ...]


def load_ground_truth(path: Path) -> GroundTruth:
    """Read an LVIS annotation file. Raises UserError when it is missing, no LVIS JSON, or ambiguous."""
    try:
        content = path.read_bytes()
        data = json.loads(content)
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise UserError(message, "Name an LVIS annotation file.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}", REMEDY) from error
    if mistake := _mistake(data):
        raise UserError(f"{path}: {mistake}", REMEDY)
    categories = sorted(data["categories"], key=lambda category: int(category["id"]))
    return GroundTruth(
        path=path,
        json=_as_lvis_reads_it(content, data),
        image_size={image["id"]: (image["height"], image["width"]) for image in data["images"]},
        category_ids=tuple(category["id"] for category in categories),
        frequency=tuple(category["frequency"] for category in categories),
    )


def is_finite(value: Any) -> bool:
    """Whether a JSON value is a finite number. True and false are none."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def is_box(value: Any) -> bool:
    """Whether a JSON value is [x, y, width, height]."""
    return isinstance(value, list) and len(value) == 4 and all(map(is_finite, value))


def _mistake(data: Any) -> str | None:
    """The first thing in the file that the two evaluators would read in two ways, or not at all."""
    if not isinstance(data, dict):
        return "not an LVIS annotation file: no JSON object"
    for section, keys in KEYS.items():
        if not isinstance(data.get(section), list):
            return f"not an LVIS annotation file: no list of {section}"
        for row in data[section]:
            missing = [key for key in keys if not isinstance(row, dict) or key not in row]
            if missing:
                return f"{section}: an entry lacks {', '.join(missing)}"
            if type(row["id"]) is not int:
                return f"{section}: the id {str(row['id'])[:60]!r} is not an integer"
        twice = [key for key, count in Counter(row["id"] for row in data[section]).items() if count > 1]
        if twice:
            return f"{section}: {len(twice)} ids occur more than once, e.g. {twice[0]}"
    if not data["images"] or not data["categories"]:
        return "there is no image or no category"
    return _image_mistake(data) or _category_mistake(data) or _annotation_mistake(data)


def _image_mistake(data: dict[str, Any]) -> str | None:
    for image in data["images"]:
        if any(type(image[key]) is not int or image[key] < 1 for key in ("width", "height")):
            return f"images: {image['id']} has no size"
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            if not isinstance(image[key], list) or any(type(category) is not int for category in image[key]):
                return f"images: {key} of {image['id']} is no list of category ids"
    return None


def _category_mistake(data: dict[str, Any]) -> str | None:
    for category in data["categories"]:
        if category["frequency"] not in FREQUENCIES:
            return f"categories: frequency of {category['id']} is {category['frequency']!r}, not one of {FREQUENCIES}"
    return None


def _annotation_mistake(data: dict[str, Any]) -> str | None:
    images = {image["id"] for image in data["images"]}
    categories = {category["id"] for category in data["categories"]}
    for annotation in data["annotations"]:
        name = f"annotations: {annotation['id']}"
        if annotation["id"] < 1:  # lvis-api stores a match as the annotation's id and reads 0 as "no match"
            return f"{name} is no valid id, ids start at 1"
        if type(annotation["image_id"]) is not int or annotation["image_id"] not in images:
            return f"{name} belongs to no known image"
        if type(annotation["category_id"]) is not int or annotation["category_id"] not in categories:
            return f"{name} belongs to no known category"
        if not is_box(annotation["bbox"]) or not is_finite(annotation["area"]):
            return f"{name} has a bbox or an area that is no finite number"
        if not isinstance(annotation["segmentation"], list | dict):
            return f"{name} has no segmentation"
    return None


def _as_lvis_reads_it(content: bytes, data: dict[str, Any]) -> bytes:
    """`content`, or where vernier would read it otherwise than lvis-api, the same thing said so that both agree.

    lvis-api forgets annotations without area, ignores `iscrowd` and obeys `ignore`; vernier, after pycocotools, does
    the reverse of the last two. An ignored annotation is therefore given an area outside every area range, which
    means the same to lvis-api. vernier refuses lists that contradict each other: a category that is annotated in an
    image counts as positive whatever the negative list says, and in an image where a category is not annotated and
    not exhaustive either, lvis-api ignores every detection of it, as if it were in no list.
    """
    annotations = [row for row in data["annotations"] if row["area"] > 0]
    changed = len(annotations) < len(data["annotations"])
    present: dict[int, set[int]] = {image["id"]: set() for image in data["images"]}
    for row in annotations:
        present[row["image_id"]].add(row["category_id"])
        if row.get("iscrowd") or row.get("ignore"):
            changed = True
            row.pop("iscrowd", None)
            if row.pop("ignore", 0):
                row["area"] = BEYOND_EVERY_AREA
    known = {category["id"] for category in data["categories"]}
    for image in data["images"]:
        positive, negative, open_ = (
            present[image["id"]],
            image["neg_category_ids"],
            image["not_exhaustive_category_ids"],
        )
        image["not_exhaustive_category_ids"] = [category for category in open_ if category in positive]
        image["neg_category_ids"] = [
            category for category in negative if category in known and category not in positive.union(open_)
        ]
        changed |= (negative, open_) != (image["neg_category_ids"], image["not_exhaustive_category_ids"])
    return json.dumps({**data, "annotations": annotations}).encode() if changed else content
