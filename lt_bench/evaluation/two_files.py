"""Boxes and masks in a file each, as mmdet's CocoMetric and LVISMetric write them (.bbox.json and .segm.json).

With mask scoring the two hold different scores, so that box AP is of the one and mask AP of the other.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import Evaluator
from lt_bench.evaluation.inputs.detections import Detections, read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.kinds import kinds_in
from lt_bench.evaluation.inputs.reading import AS_ANNOTATED, Reading
from lt_bench.evaluation.metrics import Measured, check_metrics, chosen, measure_inputs, on_truth
from lt_bench.evaluation.metrics.metric import Inputs, Measurement
from lt_bench.evaluation.terms import KINDS, BoxOrMask

BOXES: tuple[BoxOrMask, ...] = ("bbox",)
MASKS: tuple[BoxOrMask, ...] = ("segm",)


def boxes_and_masks(paths: tuple[Path, Path]) -> tuple[Path, Path]:
    """Which of two predictions files has the boxes, and which the masks. Raises UserError when that does not show."""
    masks = [path for path in paths if "segm" in (kinds_in(path) or _by_name(path))]
    if len(masks) != 1:
        both = "both files have masks" if masks else "neither file has masks"
        raise UserError(f"{both}: {paths[0]}, {paths[1]}", "give one file, or one with boxes alone and one with masks")
    (boxes,) = (path for path in paths if path != masks[0])
    return boxes, masks[0]


def _by_name(path: Path) -> Collection[str]:
    """Of a file without detections."""
    return ("segm",) if ".segm." in path.name else ()


def measure_two(
    annotations: Path,
    boxes: Path,
    masks: Path,
    metrics: Collection[str] = ("ap",),
    evaluator: Evaluator = "vernier",
    evidence: bool = False,
    reading: Reading = AS_ANNOTATED,
) -> Measured:
    """`measure` of boxes in one file and masks in another. Where the second holds the very boxes and scores of the
    first as well, it is measured alone, and evidence is of it.

    Raises UserError as `measure` does, and when evidence is wanted though the two files hold different detections.
    """
    check_metrics(metrics, tuple(KINDS), evaluator)
    truth = load_ground_truth(annotations)
    of_masks = read_detections(masks, truth, True, "bbox" in (kinds_in(masks) or ()), reading)
    of_boxes = read_detections(boxes, truth, False, True, reading)
    if _are_same(of_boxes, of_masks):
        both = Inputs(truth, of_masks, tuple(KINDS), evaluator, evidence)
        return on_truth(truth, measure_inputs(both, metrics, masks))
    if evidence:
        raise UserError(
            f"{boxes} and {masks} hold different detections, and evidence is of one file",
            "name one of them; AP of both can be had without evidence",
        )
    others = [metric.name for metric in chosen(metrics) if not metric.needs_masks]
    only_boxes, only_masks = (Inputs(truth, of_boxes, BOXES, evaluator), Inputs(truth, of_masks, MASKS, evaluator))
    found = measure_inputs(only_boxes, others, boxes), measure_inputs(only_masks, metrics, masks)
    notes = [f"{path.name}: {note}" for path, one in zip((boxes, masks), found, strict=True) for note in one.notes]
    together = {name: _together([one.found[name] for one in found if name in one.found]) for name in found[1].found}
    return on_truth(truth, Measured(together, truth.file.categories, notes=tuple(notes)))


def _are_same(one: Detections, other: Detections) -> bool:
    columns = ("image", "category", "score", "box", "image_rank", "class_rank")
    return one.total == other.total and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in columns
    )


def _together(parts: list[Measurement]) -> Measurement:
    if len(parts) == 1:
        return parts[0]
    return Measurement(
        {kind: numbers for part in parts for kind, numbers in part.block.items()},
        {column: result for part in parts for column, result in part.results.items()},
        "; ".join(dict.fromkeys(part.warning for part in parts if part.warning)),
    )
