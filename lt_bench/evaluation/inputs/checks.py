"""Predictions are checked, one by one, before any evaluator sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lt_bench.data.rle import mask_pixels
from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.ground_truth import GroundTruth, is_box, is_finite, load_ground_truth
from lt_bench.evaluation.inputs.ids import Ids
from lt_bench.evaluation.inputs.predictions import REMEDY, read_predictions
from lt_bench.evaluation.inputs.reading import AS_ANNOTATED, Reading
from lt_bench.evaluation.inputs.values import problem_of_box, problem_of_mask, problem_of_number
from lt_bench.evaluation.terms import IouType

BATCH = 512  # detections whose masks are measured at once
EXAMPLES = 3  # of each kind of mistake


class Mistakes:
    """Mistakes by kind: how many, and the first few. The first value stands in place of {} in a kind."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}
        self._examples: dict[str, list[tuple[str, int]]] = {}

    def add(self, kind: str, where: int, value: Any) -> None:
        self._count[kind] = self._count.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append((str(value)[:60], where))

    def raise_any(self, path: Path, hints: Iterable[str] = ()) -> None:
        """Raises UserError if there is one. hints: what is behind them, if that is known."""
        if self._count:
            lines = [f"  {count} x {self._line(kind)}" for kind, count in self._count.items()]
            remedy = "\n".join(hints) or REMEDY
            raise UserError(f"{path}: the predictions cannot be evaluated:\n" + "\n".join(lines), remedy)

    def _line(self, kind: str) -> str:
        examples = self._examples[kind]
        if "{}" in kind:
            places = ", ".join(str(where) for _, where in examples)
            return f"{kind.replace('{}', examples[0][0])} (detection{'s' * (len(examples) > 1)} {places})"
        return f"{kind}: {', '.join(f'{value} (detection {where})' for value, where in examples)}"


def check_predictions(predictions: Path, annotations: Path, iou_type: IouType) -> int:
    """Check a predictions file against the annotations it belongs to and return the number of detections.

    Raises UserError that names every kind of mistake with its count and first examples: no JSON list, truncated,
    missing keys, wrong types, unknown image or category ids, scores or boxes that are not finite; with
    `iou_type="segm"` also a missing or malformed mask and a mask whose size is not its image's.
    """
    masks = iou_type != "bbox"
    return sum(1 for _ in checked_predictions(predictions, load_ground_truth(annotations, masks), masks, not masks))


def checked_predictions(
    path: Path,
    truth: GroundTruth,
    masks: bool,
    boxes: bool,
    reading: Reading = AS_ANNOTATED,
    notes: list[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the detections of `path`, with the annotations' ids, each with `pixels`, the area of its mask, when `masks`
    are asked for.

    notes: where it is written down, at the end, how the ids were read if not as the annotations' own. Mistakes are
    collected over the whole file; UserError is raised after the last detection, so a consumer must read to the end.
    Raises OtherReading instead where all would be right if it were read in another way.
    """
    mistakes, ids = Mistakes(), Ids(truth, reading)
    sound = _sound(path, ids, masks, boxes, mistakes)
    if masks:
        yield from _with_pixels(sound, truth, mistakes)
    else:
        yield from (detection for _, detection in sound)
    ids.refuse_if_otherwise()
    mistakes.raise_any(path, ids.hints())
    if notes is not None:
        notes += ids.notes()


def _sound(path: Path, ids: Ids, masks: bool, boxes: bool, mistakes: Mistakes) -> Iterator[tuple[int, dict[str, Any]]]:
    """The detections without a mistake that shows in themselves, numbered."""
    required = ["image_id", "category_id", "score", *["bbox"] * boxes, *["segmentation"] * masks]
    for where, detection in enumerate(read_predictions(path)):
        found = [(f"{key} missing", detection) for key in required if key not in detection]
        if not found:
            image, category, found = ids.resolve(detection)
            found += _wrong_values(detection, masks, boxes)
            if not found:
                yield where, {**detection, "image_id": image, "category_id": category}
        for kind, value in found:
            mistakes.add(kind, where, value)


def _wrong_values(detection: dict[str, Any], masks: bool, boxes: bool) -> list[tuple[str, Any]]:
    found = []
    score, box = detection["score"], detection.get("bbox")
    if not is_finite(score):
        found.append(problem_of_number("score", score))
    if not is_box(box) and (boxes or box is not None):
        found.append(problem_of_box(box))
    if masks and (problem := problem_of_mask(detection["segmentation"])):
        found.append(problem)
    return found


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
