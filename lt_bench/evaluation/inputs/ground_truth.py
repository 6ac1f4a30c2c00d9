"""The annotations that predictions are measured against."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.rle import mask_pixels
from lt_bench.evaluation.json_stream import DECODE, JSONStream

FREQUENCIES = ("r", "c", "f")
KEYS = {
    "images": ("id", "width", "height", "neg_category_ids", "not_exhaustive_category_ids"),
    "annotations": ("id", "image_id", "category_id", "bbox", "area", "segmentation"),
    "categories": ("id", "frequency"),
}
SEGMENTATION = '"segmentation"'
REMEDY = "`python -m lt_bench data check` lists everything that is wrong with a data set."
INTEGERS = range(-(1 << 63), 1 << 63)
SIDES = range(1, 1 << 31)  # pixels


@dataclass(frozen=True, eq=False)
class Objects:
    """The annotations that have an area, as lvis-api takes only those, in the order of the file.

    image, category: int64 [G], places in GroundTruth.image_ids and .category_ids. box: float64 [G, 4], x, y, width,
    height in pixels. area: float64 [G], as annotated, in pixels. ignored: bool [G]. text: the JSON of each annotation,
    which holds its segmentation.
    """

    image: NDArray[np.int64]
    category: NDArray[np.int64]
    box: NDArray[np.float64]
    area: NDArray[np.float64]
    ignored: NDArray[np.bool_]
    text: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """path: the annotation file. image_ids: int64 [I], ascending. image_size: int64 [I, 2], (height, width) in pixels.
    images: the entry of each image, with KEYS only. category_ids: ascending, the order of all per-class results.
    frequency: "r", "c" or "f" of each category. positive: bool [I, K], which categories an image has objects of.
    annotated: bool [I, K], positive or known to be absent: only for those a detection counts. not_exhaustive: bool
    [I, K], where an unmatched detection is forgiven.
    """

    path: Path
    image_ids: NDArray[np.int64]
    image_size: NDArray[np.int64]
    images: tuple[dict[str, Any], ...]
    category_ids: tuple[int, ...]
    frequency: tuple[str, ...]
    objects: Objects
    positive: NDArray[np.bool_]
    annotated: NDArray[np.bool_]
    not_exhaustive: NDArray[np.bool_]

    def image_places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of image ids in `image_ids`; -1 for one that is unknown."""
        return _places(self.image_ids, ids)

    def category_places(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of category ids in `category_ids`; -1 for one that is unknown."""
        return _places(np.array(self.category_ids), ids)


def _places(known: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[places] == ids, places, -1)


def only(truth: GroundTruth, images: NDArray[np.int64]) -> GroundTruth:
    """The ground truth of some images, given by their places, ascending, with the categories that it speaks of."""
    place = np.full(len(truth.image_ids), -1)
    place[images] = np.arange(len(images))
    kept = np.flatnonzero(place[truth.objects.image] >= 0)
    categories = np.flatnonzero(truth.annotated[images].any(axis=0))
    category_place = np.full(len(truth.category_ids), -1)
    category_place[categories] = np.arange(len(categories))
    cells = np.ix_(images, categories)
    return replace(
        truth,
        image_ids=truth.image_ids[images],
        image_size=truth.image_size[images],
        images=tuple(truth.images[image] for image in images),
        category_ids=tuple(truth.category_ids[category] for category in categories),
        frequency=tuple(truth.frequency[category] for category in categories),
        objects=Objects(
            image=place[truth.objects.image[kept]],
            category=category_place[truth.objects.category[kept]],
            box=truth.objects.box[kept],
            area=truth.objects.area[kept],
            ignored=truth.objects.ignored[kept],
            text=tuple(truth.objects.text[index] for index in kept),
        ),
        positive=truth.positive[cells],
        annotated=truth.annotated[cells],
        not_exhaustive=truth.not_exhaustive[cells],
    )


def load_ground_truth(path: Path) -> GroundTruth:
    """Read an LVIS annotation file. Raises UserError when it is missing, no LVIS JSON, or ambiguous.

    The file is read as a stream: of LVIS's validation set a quarter of a million polygons never exist as numbers.
    """
    try:
        with path.open(encoding="utf-8") as text:
            rows = _sections(JSONStream(text))
        if mistake := _mistake(rows):
            raise _WrongContent(mistake)
    except _WrongContent as error:
        raise UserError(f"{path}: {error}", REMEDY) from error
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror or error}"
        raise UserError(message, "Name an LVIS annotation file.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}", REMEDY) from error
    return _assemble(path, rows)


class _WrongContent(Exception):
    """JSON, but no LVIS annotations that both evaluators would read in the same way."""


def _sections(stream: JSONStream) -> dict[str, list[dict[str, Any]]]:
    """The rows of each section of KEYS, with nothing but its keys; an annotation's segmentation is its `text`."""
    if stream.peek() != "{":
        stream.value()
        raise _WrongContent("not an LVIS annotation file: no JSON object")
    sections: dict[str, list[dict[str, Any]]] = {}
    for key in stream.members():
        sections.pop(key, None)
        if key in KEYS and stream.peek() == "[":
            sections[key] = list(_rows(stream, key))
        else:
            stream.value()
    if stream.peek():
        raise ValueError("there is something after the end")
    for section in KEYS:
        if section not in sections:
            raise _WrongContent(f"not an LVIS annotation file: no list of {section}")
    return sections


def _rows(stream: JSONStream, section: str) -> Iterator[dict[str, Any]]:
    keys = KEYS[section]
    for row, text in stream.elements(_without_polygons if section == "annotations" else DECODE):
        missing = [key for key in keys if not isinstance(row, dict) or key not in row]
        if missing:
            raise _WrongContent(f"{section}: an entry lacks {', '.join(missing)}")
        if not is_integer(row["id"]):
            raise _WrongContent(f"{section}: the id {str(row['id'])[:60]!r} is not an integer")
        kept = {key: row[key] for key in keys}
        if section == "annotations":
            if not isinstance(kept.pop("segmentation"), list | dict):
                raise _WrongContent(f"annotations: {row['id']} has no segmentation")
            kept["text"], kept["ignore"] = text, bool(row.get("ignore"))
        yield kept


def _without_polygons(text: str, start: int) -> tuple[Any, int]:
    """An annotation with [] for its polygons, whose numbers are most of the file and are read by the evaluators only.

    Where it does not look simple it is decoded in full.
    """
    end = text.find("}", start)
    key = text.find(SEGMENTATION, start, end)
    first, last = text.find("[[", key, end), text.find("]]", key, end)
    simple = text.startswith("{", start) and min(end, key, first, last) >= 0
    if simple and text[key + len(SEGMENTATION) : first].strip() == ":":
        try:
            row, stop = DECODE(f"{text[start:first]}[]{text[last + 2 : end + 1]}", 0)
            return row, start + stop + (last + 2 - first) - 2
        except json.JSONDecodeError:
            pass
    return DECODE(text, start)


def is_integer(value: Any) -> bool:
    """Whether a JSON value is an integer of 64 bits. True and false are none."""
    return type(value) is int and value in INTEGERS


def is_finite(value: Any) -> bool:
    """Whether a JSON value is a finite number. True and false are none."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def is_box(value: Any) -> bool:
    """Whether a JSON value is [x, y, width, height]."""
    return isinstance(value, list) and len(value) == 4 and all(map(is_finite, value))


def _mistake(sections: dict[str, list[dict[str, Any]]]) -> str | None:
    """The first thing in the file that the two evaluators would read in two ways, or not at all."""
    for section, rows in sections.items():
        twice = [key for key, count in Counter(row["id"] for row in rows).items() if count > 1]
        if twice:
            return f"{section}: {len(twice)} ids occur more than once, e.g. {twice[0]}"
    if not sections["images"] or not sections["categories"]:
        return "there is no image or no category"
    return (
        _image_mistake(sections["images"]) or _category_mistake(sections["categories"]) or _annotation_mistake(sections)
    )


def _image_mistake(images: list[dict[str, Any]]) -> str | None:
    for image in images:
        if any(type(image[key]) is not int or image[key] not in SIDES for key in ("width", "height")):
            return f"images: {image['id']} has no size"
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            if not isinstance(image[key], list) or not all(map(is_integer, image[key])):
                return f"images: {key} of {image['id']} is no list of category ids"
    return None


def _category_mistake(categories: list[dict[str, Any]]) -> str | None:
    for category in categories:
        if category["frequency"] not in FREQUENCIES:
            return f"categories: frequency of {category['id']} is {category['frequency']!r}, not one of {FREQUENCIES}"
    return None


def _annotation_mistake(sections: dict[str, list[dict[str, Any]]]) -> str | None:
    images = {image["id"] for image in sections["images"]}
    categories = {category["id"] for category in sections["categories"]}
    for annotation in sections["annotations"]:
        name = f"annotations: {annotation['id']}"
        if annotation["id"] < 1:  # lvis-api stores a match as the annotation's id and reads 0 as "no match"
            return f"{name} is no valid id, ids start at 1"
        if not is_integer(annotation["image_id"]) or annotation["image_id"] not in images:
            return f"{name} belongs to no known image"
        if not is_integer(annotation["category_id"]) or annotation["category_id"] not in categories:
            return f"{name} belongs to no known category"
        if not is_box(annotation["bbox"]) or not is_finite(annotation["area"]):
            return f"{name} has a bbox or an area that is no finite number"
    return _mask_mistake([row for row in sections["annotations"] if '"counts"' in row["text"]])


def _mask_mistake(annotations: list[dict[str, Any]]) -> str | None:
    """pycocotools would read beyond the end of a damaged compressed RLE."""
    for annotation in annotations:
        segmentation = json.loads(annotation["text"])["segmentation"]
        counts = segmentation.get("counts") if isinstance(segmentation, dict) else None
        if isinstance(counts, str) and mask_pixels([counts])[1] < 0:
            return f"annotations: {annotation['id']} has a damaged mask"
    return None


def _assemble(path: Path, sections: dict[str, list[dict[str, Any]]]) -> GroundTruth:
    images = sorted(sections["images"], key=lambda image: int(image["id"]))
    categories = sorted(sections["categories"], key=lambda category: int(category["id"]))
    image_ids = np.array([image["id"] for image in images], dtype=np.int64)
    category_ids = np.array([category["id"] for category in categories], dtype=np.int64)
    rows = [row for row in sections["annotations"] if row["area"] > 0]
    objects = Objects(
        image=_places(image_ids, np.array([row["image_id"] for row in rows], dtype=np.int64)),
        category=_places(category_ids, np.array([row["category_id"] for row in rows], dtype=np.int64)),
        box=np.array([row["bbox"] for row in rows], dtype=np.float64).reshape(-1, 4),
        area=np.array([row["area"] for row in rows], dtype=np.float64),
        ignored=np.array([row["ignore"] for row in rows], dtype=bool),
        text=tuple(row["text"] for row in rows),
    )
    positive = np.zeros((len(images), len(categories)), dtype=bool)
    positive[objects.image, objects.category] = True
    return GroundTruth(
        path=path,
        image_ids=image_ids,
        image_size=np.array([(image["height"], image["width"]) for image in images], dtype=np.int64),
        images=tuple(images),
        category_ids=tuple(category_ids.tolist()),
        frequency=tuple(category["frequency"] for category in categories),
        objects=objects,
        positive=positive,
        annotated=positive | _table(images, "neg_category_ids", category_ids),
        not_exhaustive=_table(images, "not_exhaustive_category_ids", category_ids),
    )


def _table(images: list[dict[str, Any]], key: str, category_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which categories, of those that exist, stand in an image's list: bool [I, K]."""
    table = np.zeros((len(images), len(category_ids)), dtype=bool)
    rows = np.repeat(np.arange(len(images)), [len(image[key]) for image in images])
    columns = _places(category_ids, np.array([value for image in images for value in image[key]], dtype=np.int64))
    table[rows[columns >= 0], columns[columns >= 0]] = True
    return table
