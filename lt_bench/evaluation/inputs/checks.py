"""Predictions are checked, one by one, before any evaluator sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lt_bench.data.rle import mask_pixels
from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.ground_truth import GroundTruth, is_box, is_finite, load_ground_truth
from lt_bench.evaluation.inputs.predictions import REMEDY, read_predictions
from lt_bench.evaluation.terms import IouType

BATCH = 512  # detections whose masks are measured at once
EXAMPLES = 3  # of each kind of mistake


class Mistakes:
    """Mistakes by kind: how many, and the first few."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, where: int, value: Any) -> None:
        self._count[kind] = self._count.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(f"{str(value)[:60]} (detection {where})")

    def raise_any(self, path: Path) -> None:
        if self._count:
            lines = [f"  {count} x {kind}: {', '.join(self._examples[kind])}" for kind, count in self._count.items()]
            raise UserError(f"{path}: the predictions cannot be evaluated:\n" + "\n".join(lines), REMEDY)


def check_predictions(predictions: Path, annotations: Path, iou_type: IouType) -> int:
    """Check a predictions file against the annotations it belongs to and return the number of detections.

    Raises UserError that names every kind of mistake with its count and first examples: no JSON list, truncated,
    missing keys, wrong types, unknown image or category ids, scores or boxes that are not finite; with
    `iou_type="segm"` also a missing or malformed mask and a mask whose size is not its image's.
    """
    masks = iou_type != "bbox"
    return sum(1 for _ in checked_predictions(predictions, load_ground_truth(annotations), masks, not masks))


def checked_predictions(path: Path, truth: GroundTruth, masks: bool, boxes: bool) -> Iterator[dict[str, Any]]:
    """Yield the detections of `path`, each with `pixels`, the area of its mask, when `masks` are asked for.

    Mistakes are collected over the whole file; UserError is raised after the last detection, so a consumer must read
    to the end.
    """
    mistakes = Mistakes()
    sound = _sound(path, truth, masks, boxes, mistakes)
    if masks:
        yield from _with_pixels(sound, truth, mistakes)
    else:
        yield from (detection for _, detection in sound)
    mistakes.raise_any(path)


def _sound(
    path: Path, truth: GroundTruth, masks: bool, boxes: bool, mistakes: Mistakes
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The detections without a mistake that shows in themselves, numbered."""
    required = ["image_id", "category_id", "score", *["bbox"] * boxes, *["segmentation"] * masks]
    images, categories = frozenset(truth.image_ids.tolist()), frozenset(truth.category_ids)
    for where, detection in enumerate(read_predictions(path)):
        missing = [key for key in required if key not in detection]
        found = [(f"{key} missing", detection) for key in missing]
        found = found or list(_wrong_values(detection, images, categories, masks))
        for kind, value in found:
            mistakes.add(kind, where, value)
        if not found:
            yield where, detection


def _wrong_values(
    detection: dict[str, Any], images: frozenset[int], categories: frozenset[int], masks: bool
) -> Iterator[tuple[str, Any]]:
    image, category, score = detection["image_id"], detection["category_id"], detection["score"]
    box = detection.get("bbox", [0, 0, 0, 0])
    if type(image) is not int or image not in images:
        yield "unknown image id", image
    if type(category) is not int or category not in categories:
        yield "unknown category id", category
    if not is_finite(score):
        yield "score is no finite number", score
    if not is_box(box):
        yield "bbox is no list of four finite numbers", box
    if masks and not _is_compressed_rle(detection["segmentation"]):
        yield "segmentation is no compressed RLE", detection["segmentation"]


def _is_compressed_rle(mask: Any) -> bool:
    return (
        isinstance(mask, dict)
        and isinstance(mask.get("counts"), str)
        and isinstance(mask.get("size"), list)
        and len(mask["size"]) == 2
    )


def _with_pixels(
    numbered: Iterable[tuple[int, dict[str, Any]]], truth: GroundTruth, mistakes: Mistakes
) -> Iterator[dict[str, Any]]:
    numbered = iter(numbered)
    size_of = dict(zip(truth.image_ids.tolist(), truth.image_size.tolist(), strict=True))
    while batch := list(islice(numbered, BATCH)):
        areas, totals = mask_pixels([detection["segmentation"]["counts"] for _, detection in batch])
        for (where, detection), area, total in zip(batch, areas.tolist(), totals.tolist(), strict=True):
            size = size_of[detection["image_id"]]
            if detection["segmentation"]["size"] != size:
                mistakes.add("mask size is not its image's", where, f"{detection['segmentation']['size']} for {size}")
            elif total != size[0] * size[1]:
                mistakes.add("mask is damaged: its runs do not fill its image", where, detection["segmentation"])
            else:
                yield {**detection, "pixels": area}
