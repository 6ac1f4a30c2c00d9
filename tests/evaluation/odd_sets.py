"""Small LVIS data sets and detections with everything that an evaluator can stumble over, drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import pycocotools.mask as mask_utils

Rows = list[dict[str, Any]]
QUIRKS = (
    "ties",  # equal scores, within and between images
    "odd scores",  # negative, above 1, integers, neighbouring floats
    "crowd",
    "ignore",
    "contradictions",  # a category in more than one list, or unknown
    "degenerate",  # boxes without area, of negative size, outside the image
    "huge",  # boxes up to where their area overflows
    "edges of areas",  # areas of exactly 32^2 and 96^2
    "rle",  # annotated masks as RLE, compressed and not
    "odd polygons",  # several parts, outside the image, below a pixel
    "other areas",  # annotated areas that are not the mask's
    "far ids",
    "identical",  # objects and detections on top of each other
    "empty masks",
)


def odd_set(rng: np.random.Generator, quirks: set[str]) -> tuple[dict[str, Any], Rows]:
    """An annotation file's content and detections with boxes and masks."""
    image_ids, category_ids = rng.permutation(40)[:4] + 1, rng.permutation(20)[:4] + 1
    if "far ids" in quirks:
        image_ids = image_ids * 10**9 + 2**40
    categories = [
        {"id": int(key), "name": f"c{key}", "frequency": str(rng.choice(["r", "c", "f"]))} for key in category_ids
    ]
    truth: dict[str, Any] = {"images": [], "annotations": [], "categories": categories}
    rows: Rows = []
    for image_id in image_ids.tolist():
        height, width = rng.integers(20, 160, 2).tolist()
        lists = [rng.permutation(category_ids)[: rng.integers(0, 3)].tolist() for _ in range(3)]
        present, negative, open_ = lists
        if "contradictions" in quirks:
            negative, open_ = [*negative, 99, *negative], [*open_, 98]
        else:
            negative = [key for key in negative if key not in present]
            open_ = [key for key in open_ if key in present]
        image = {"id": image_id, "height": height, "width": width}
        image |= {"neg_category_ids": negative, "not_exhaustive_category_ids": open_}
        truth["images"].append(image)
        boxes = [_box(rng, height, width, quirks) for _ in range(rng.integers(1, 7))]
        for box in boxes if present else []:
            truth["annotations"].append(_annotation(rng, image, box, present, quirks))
        for _ in range(rng.integers(0, 40)):
            near = boxes[rng.integers(len(boxes))]
            box = near if "identical" in quirks else [value + float(rng.normal(0, 2)) for value in near]
            if rng.random() < 0.2:
                box = _box(rng, height, width, quirks)
            rows.append(_detection(rng, image, box, category_ids, quirks))
    ids = rng.permutation(len(truth["annotations"])) + 1
    for annotation, key in zip(truth["annotations"], ids.tolist(), strict=True):
        annotation["id"] = key * 10**9 if "far ids" in quirks else key
    return truth, [rows[index] for index in rng.permutation(len(rows))]


def _box(rng: np.random.Generator, height: int, width: int, quirks: set[str]) -> list[float]:
    x, y = float(rng.integers(0, width)), float(rng.integers(0, height))
    w, h = float(rng.integers(1, width)), float(rng.integers(1, height))
    draw = rng.random()
    if "edges of areas" in quirks and draw < 0.5:
        w, h = [(32.0, 32.0), (96.0, 96.0), (16.0, 64.0), (48.0, 192.0)][rng.integers(4)]
    if "degenerate" in quirks and draw < 0.4:
        w, h = [(0.0, h), (w, -h), (-w, -h), (0.0, 0.0), (1e-9, h), (5e-324, 5e-324)][rng.integers(6)]
    if "degenerate" in quirks and draw > 0.8:
        x, y = x - 2 * width, y + 3 * height
    if "huge" in quirks and 0.4 < draw < 0.7:
        size = 10.0 ** float(rng.choice([4, 5, 6, 9, 80, 154, 200, 308]))
        x, y, w, h = -size / 2, -size / 3, size, size * rng.random()
    return [x, y, w, h]


def _annotation(
    rng: np.random.Generator, image: dict[str, Any], box: list[float], present: list[int], quirks: set[str]
) -> dict[str, Any]:
    size = image["height"], image["width"]
    pixels = _pixels(box, *size)
    segmentation: Any = _polygons(rng, box, quirks)
    if "rle" in quirks and rng.random() < 0.6:
        rle = mask_utils.encode(pixels)
        segmentation = {"size": list(size), "counts": rle["counts"].decode()}
        if rng.random() < 0.5:
            segmentation["counts"] = _runs(pixels)
    area = float(box[2] * box[3])
    if "other areas" in quirks:
        area = float(rng.choice([0.0, 1e-6, 32**2, 96**2, 1e10, 2e10, area, -1.0, 500.0]))
    row = {
        "image_id": image["id"],
        "category_id": int(rng.choice(present)),
        "bbox": box,
        "area": area if np.isfinite(area) else 1e300,
        "segmentation": segmentation,
    }
    if "crowd" in quirks:
        row["iscrowd"] = int(rng.random() < 0.4)
    if "ignore" in quirks:
        row["ignore"] = int(rng.random() < 0.4)
    return row


def _polygons(rng: np.random.Generator, box: list[float], quirks: set[str]) -> list[list[float]]:
    x, y, w, h = np.clip(box, -500, 500).tolist()
    parts = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    if "odd polygons" in quirks:
        parts.append((rng.random(2 * int(rng.integers(3, 9))) * 150 - 20).tolist())
        if rng.random() < 0.3:
            parts.append([x, y, x + 0.2, y + 0.1, x + 0.1, y + 0.3])
    return parts


def _detection(
    rng: np.random.Generator, image: dict[str, Any], box: list[float], category_ids: np.ndarray, quirks: set[str]
) -> dict[str, Any]:
    score = float(rng.random())
    if "ties" in quirks:
        score = round(score, 1)
    if "odd scores" in quirks:
        odd = [-score, 1e6 * score, 0.3 + float(np.spacing(0.3)) * int(rng.integers(4)), 0.0, -0.0, 1, 0, 1e-320]
        score = odd[rng.integers(len(odd))]
    pixels = _pixels(box, image["height"], image["width"])
    if "empty masks" in quirks and rng.random() < 0.4:
        pixels[:] = 0
    rle = mask_utils.encode(pixels)
    return {
        "image_id": image["id"],
        "category_id": int(rng.choice(category_ids)),
        "bbox": box,
        "score": score,
        "segmentation": {"size": [image["height"], image["width"]], "counts": rle["counts"].decode()},
    }


def _pixels(box: list[float], height: int, width: int) -> np.ndarray:
    x, y, w, h = np.clip(box, -1000, 1000).astype(int).tolist()
    pixels = np.zeros((height, width), dtype=np.uint8, order="F")
    pixels[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)] = 1
    if pixels.any():
        pixels[y + h // 2 : y + h // 2 + 1] = 0  # more than two runs a column
    return pixels


def _runs(pixels: np.ndarray) -> list[int]:
    flat = pixels.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    return [0, *runs] if flat[0] else runs
