"""A small data set with its images, whose annotation files hold an odd value in any field, in any form of text."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from exhaustive_form import both_forms
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

Content = dict[str, Any]
WIDTH, HEIGHT = 48, 40
MISSING = object()
FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "gzip": lambda text: gzip.compress(text.encode(), 1),
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16"), 1),
}
NUMBERS = (0, -1, 1, 2, 0.5, 1.5, -0.0, 30, 1000, 1e5, 1e8, 2e10, -1e9, 1e300, 2**31, 2**53 + 1, 2**62, 10**20, 10**400)
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))
OTHERS: tuple[Any, ...] = (MISSING, None, True, False, "", "1", "é鹅", [], [1], {}, {"a": 1})
SCALARS = st.sampled_from([*NUMBERS, *NOT_FINITE, *OTHERS])
COORDINATES = st.sampled_from([*NUMBERS, *NOT_FINITE, None, "1", True, -3, 47.5, 49.5, 60])
IDS = st.lists(st.sampled_from([1, 2, 5, 9, -1, 2**53 + 1, 1.0, "1", None, True]), max_size=3)
NAMES = st.sampled_from(
    ["1.jpg", "nowhere.jpg", "train2017\\1.jpg", "/1.jpg", "../1.jpg", "a/b/1.jpg", "", 5, None, "é.jpg"]
)
POLYGON = [4, 4, 30, 4, 30, 24, 4, 24]
RUNS = [
    [100, 40, 1780],
    [0, WIDTH * HEIGHT],
    [WIDTH * HEIGHT],
    [10, 10],
    [100, 50, 19200],
    [-1, 1921],
    [1.5],
    ["1"],
    [],
]
POLYGONS = st.lists(
    st.lists(COORDINATES, min_size=0, max_size=9) | st.just(POLYGON) | COORDINATES, max_size=3
) | st.builds(lambda place, value: [[*POLYGON[:place], value, *POLYGON[place + 1 :]]], st.integers(0, 7), COORDINATES)
# Polygons that are sound but for their length, and a second one beside.
CUT = st.builds(lambda length, other: [POLYGON[:length], *other], st.integers(0, 8), st.sampled_from([[], [POLYGON]]))
SHAPES = (
    SCALARS
    | POLYGONS
    | CUT
    | CUT.map(lambda shape: shape[0])  # a flat list
    | st.builds(
        lambda size, counts: {"size": size, "counts": counts},
        st.sampled_from([[HEIGHT, WIDTH], [WIDTH, HEIGHT], [HEIGHT], [10**6, 10**6], None, [HEIGHT, "48"]]),
        st.sampled_from([*RUNS, "PPPP", "~~", "", "é", "X1", None]),
    )
)
BOXES = SCALARS | st.builds(
    lambda place, value: [*[4, 4, 26, 20][:place], value, *[4, 4, 26, 20][place + 1 :]], st.integers(0, 3), COORDINATES
)
FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "categories": {name: SCALARS for name in ("id", "name", "frequency", "image_count", "instance_count", "synset")},
    "images": {
        **{name: SCALARS for name in ("id", "width", "height", "license")},
        **dict.fromkeys(("neg_category_ids", "not_exhaustive_category_ids"), SCALARS | IDS),
        **dict.fromkeys(("coco_url", "file_name"), NAMES | SCALARS),
    },
    "annotations": {
        **{name: SCALARS for name in ("id", "image_id", "category_id", "area", "iscrowd", "ignore", "score")},
        "bbox": BOXES,
        "segmentation": SHAPES,
    },
}


@dataclass(frozen=True)
class Oddity:
    """What was changed: in the file of `split`, `field` of `section`[index]; "" for the entry or section as a whole."""

    split: str
    section: str
    index: int
    field: str
    value: Any


@dataclass(frozen=True)
class OddData:
    """By split what the annotation file holds, and the form of its text; and what is odd in them. masks: whether the
    data have masks; without, boxes alone are trained and evaluated."""

    contents: dict[str, Content]
    forms: dict[str, str]
    oddities: list[Oddity]
    masks: bool


def sound_content(split: str) -> Content:
    """Three classes with gaps between their ids, two images, five annotations."""
    first = {"train": 1, "val": 101}[split]
    boxes: dict[int, list[float]] = {1: [4, 4, 26, 20], 2: [20, 10, 12, 12.5], 5: [0, 0, 48, 40]}
    shown = [(first, 1), (first, 2), (first + 1, 1), (first + 1, 1), (first + 1, 5)]
    annotations = []
    for place, (image, category) in enumerate(shown):
        x, y, width, height = boxes[category]
        x, width = x + place, min(width, 48 - x - place)
        shape: Any = [[x, y, x + width, y, x + width, y + height, x, y + height]]
        if place == 3:
            columns = [int(height), HEIGHT - int(height)] * int(width)
            before = int(x) * HEIGHT + int(y)
            after = WIDTH * HEIGHT - before - sum(columns[:-1])
            shape = {"size": [HEIGHT, WIDTH], "counts": [before, *columns[:-1], after]}
        entry = {"id": 1 + place, "image_id": image, "category_id": category, "bbox": [x, y, width, height]}
        annotations.append({**entry, "area": width * height, "segmentation": shape})
    images = [
        {
            "id": first + place,
            "width": WIDTH,
            "height": HEIGHT,
            "coco_url": f"http://example.org/{split}2017/{first + place}.jpg",
            "file_name": f"{first + place}.jpg",
            "neg_category_ids": [5] if place == 0 else [],
            "not_exhaustive_category_ids": [1] if place else [],
        }
        for place in range(2)
    ]
    counts = {1: (2, 3), 2: (1, 1), 5: (1, 1)}
    categories = [
        {"id": key, "name": f"class{key}", "frequency": frequency, "image_count": images_, "instance_count": instances}
        for (key, (images_, instances)), frequency in zip(counts.items(), "rcf", strict=True)
    ]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def write_images(root: Path) -> None:
    rng = np.random.default_rng(0)
    for split, first in (("train", 1), ("val", 101)):
        (root / f"{split}2017").mkdir(parents=True)
        for number in (first, first + 1):
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / f"{split}2017" / f"{number}.jpg")


@st.composite
def odd_files(draw: st.DrawFn) -> OddData:
    contents = {split: sound_content(split) for split in ("train", "val")}
    for split in contents:
        if draw(st.sampled_from([False, False, False, True])):
            contents[split] = both_forms(contents[split])[1]
    without = draw(st.sampled_from([*[POLYGON] * 9, MISSING, None, []]))  # a segmentation of boxes alone
    for annotation in (entry for content in contents.values() for entry in content["annotations"]):
        if without is not POLYGON:
            _set(annotation, "segmentation", without)
    forms = {split: draw(st.sampled_from(["plain", "plain", *FORMS])) for split in contents}
    oddities = [draw(_oddity(contents)) for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
    return OddData(contents, forms, oddities, masks=without is POLYGON)


@st.composite
def _oddity(draw: st.DrawFn, contents: dict[str, Content]) -> Oddity:
    split = draw(st.sampled_from(["train", "val"]))
    section = draw(st.sampled_from(["categories", *["images"] * 2, *["annotations"] * 4]))
    content = contents[split]
    if "exhaustive" not in content and draw(st.sampled_from([False] * 30 + [True])):
        section = "exhaustive"
    kind = draw(st.sampled_from(["field"] * 16 + ["entry", "twice", "copy", "section"]))
    if not isinstance(content.get(section), list) or kind == "section":
        value = draw(SCALARS | st.just(copy.deepcopy(content.get(section))))
        _set(content, section, value)
        return Oddity(split, section, -1, "", value)
    entries = content[section]
    index = draw(st.integers(0, len(entries) - 1)) if entries else 0
    if not entries or kind == "entry":
        value = draw(SCALARS.filter(lambda value: value is not MISSING))
        entries.insert(index, value)
        return Oddity(split, section, index, "", value)
    entry = entries[index]
    if not isinstance(entry, dict) or kind == "twice":
        entries.append(copy.deepcopy(entry))
        return Oddity(split, section, len(entries) - 1, "id", [])
    often = ["segmentation"] * 3 + ["id", "area", "bbox"] if section == "annotations" else []
    field = draw(st.sampled_from([*FIELDS[section], *often]))
    value = draw(FIELDS[section][field])
    if kind == "copy":  # what another entry has
        other = draw(st.sampled_from(entries))
        value = copy.deepcopy(other.get(field)) if isinstance(other, dict) else None
    _set(entry, field, value)
    return Oddity(split, section, index, field, value)


def _set(entry: dict[str, Any], field: str, value: Any) -> None:
    if value is MISSING:
        entry.pop(field, None)
    else:
        entry[field] = value


def detections_on(content: Content, masks: bool = True) -> list[dict[str, Any]]:
    """Detections of every image and class of a validation file, some of them right. masks: beside boxes."""
    rows = []
    for image in content["images"]:
        height, width = image["height"], image["width"]
        for place, category in enumerate(content["categories"]):
            for shift, score in ((0.0, 0.9 - place / 10), (3.5, 0.85 - place / 10)):
                box: list[float] = [[4.0, 4, 26, 20], [20, 10, 12, 12.5], [0.0, 0, 48, 40]][place % 3]
                x, y, w, h = box
                pixels = height * width
                runs = [min(100, pixels), min(400, pixels - min(100, pixels))]
                runs.append(pixels - sum(runs))
                rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
                row = {"image_id": image["id"], "category_id": category["id"], "score": score}
                if masks:
                    row["segmentation"] = {"size": [height, width], "counts": rle["counts"].decode()}
                rows.append({**row, "bbox": [x + shift, y, w, h]})
    return rows
