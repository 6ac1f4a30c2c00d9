"""LVIS average precision: what lvis-api (Gupta et al., CVPR 2019) computes, unrounded."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.ap import lvis_backend, vernier_backend
from lt_bench.evaluation.ap.crosscheck import disagreement
from lt_bench.evaluation.ap.vernier_parts import Refused
from lt_bench.evaluation.evidence.evidence import Outcomes
from lt_bench.evaluation.inputs.detections import Detections, read_detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth, load_ground_truth
from lt_bench.evaluation.terms import AP_NAMES, IouType
from lt_bench.utils.frequency import FREQUENCIES

Evaluator = Literal["vernier", "lvis"]
EVALUATORS: tuple[Evaluator, ...] = ("vernier", "lvis")


@dataclass(frozen=True, eq=False)
class APResult:
    """metrics: AP_NAMES -> value in [0, 1], or -1 where there is no ground truth; AR is AR@max_dets.
    per_class: category id -> AP in [0, 1], or -1 without ground truth.
    precision: float64 [T, R, K, A], -1 without ground truth. T: the IoU thresholds 0.50, 0.55, ..., 0.95.
    R: recall 0.00, 0.01, ..., 1.00. K: the categories, ids ascending. A: the areas all, small (under 32^2 pixels),
    medium (under 96^2), large. evaluator: which one gave it, "vernier" or "lvis".
    """

    metrics: dict[str, float]
    per_class: dict[int, float]
    precision: NDArray[np.float64]
    evaluator: Evaluator


def evaluate(
    annotations: Path,
    predictions: Path,
    iou_type: IouType,
    evaluator: Evaluator = "vernier",
    max_dets: int = 300,
) -> APResult:
    """AP of a predictions file (see `lt_bench.evaluation.inputs.predictions`) on an LVIS annotation file.

    The federated protocol: a detection counts only for a category that its image is annotated with, positively or
    negatively, and a false positive is forgiven where the category is not annotated exhaustively. Of an image's
    detections, over all categories, the `max_dets` with the highest scores count. In `segm` mode the area of a
    detection is its mask's, whatever its bbox says. `lvis` runs lvis-api itself, `vernier` a faster implementation
    that gives the same array.

    Raises UserError when either file cannot be used; the message names all that is wrong.
    """
    return evaluate_all(annotations, predictions, (iou_type,), evaluator, max_dets)[iou_type]


def evaluate_all(
    annotations: Path,
    predictions: Path,
    iou_types: Sequence[IouType],
    evaluator: Evaluator = "vernier",
    max_dets: int = 300,
) -> dict[IouType, APResult]:
    """`evaluate` for several `iou_types`, reading each file once."""
    for iou_type in iou_types:
        if iou_type not in ("bbox", "segm", "boundary"):
            raise UserError(f"iou_type is {iou_type!r}", "Choose bbox, segm or boundary.")
    if evaluator not in EVALUATORS:
        raise UserError(f"there is no evaluator {evaluator!r}", f"Choose one of {', '.join(EVALUATORS)}.")
    if max_dets < 1:
        raise UserError(f"max_dets is {max_dets}", "Choose at least 1; LVIS uses 300.")
    masks = any(iou_type != "bbox" for iou_type in iou_types)
    truth = load_ground_truth(annotations, masks)
    detections = read_detections(predictions, truth, masks, boxes="bbox" in iou_types)
    detections = detections.take(detections.image_rank < max_dets)
    return {iou_type: average_precision(truth, detections, iou_type, evaluator) for iou_type in iou_types}


def average_precision(
    truth: GroundTruth,
    detections: Detections,
    iou_type: IouType,
    evaluator: Evaluator = "vernier",
    outcomes: Outcomes | None = None,
) -> APResult:
    """AP of `detections`, all of which count, however many there are per image.

    outcomes: where those of the detections are written to, if they are wanted.

    Before vernier is believed, it must give lvis-api's arrays on a sample of the images. Where it doesn't, or takes no
    such annotations, lvis-api evaluates, a warning says why, and `evaluator` of the result names it. Boundary AP is not
    in lvis-api, so it is not checked.
    """
    if evaluator == "vernier":
        try:
            reason = None if iou_type == "boundary" else disagreement(truth, detections, iou_type)
            if not reason:
                return ap_result(truth, *vernier_backend.precision_recall(truth, detections, iou_type, outcomes))
        except Refused as refusal:
            if iou_type == "boundary":
                raise
            reason = refusal.message
        warnings.warn(f"{reason}; lvis-api evaluates instead", stacklevel=2)
    return ap_result(truth, *lvis_backend.precision_recall(truth, detections, iou_type, outcomes), "lvis")


def precision_recall(
    truth: GroundTruth,
    detections: Detections,
    iou_type: IouType,
    evaluator: Evaluator = "vernier",
    outcomes: Outcomes | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision [T, R, K, A] and recall [T, K, A] of `detections`, all of which count, however many per image.

    outcomes: where those of the detections are written to, if they are wanted. Of the evaluator alone, without the
    check by the other one. Raises Refused when vernier takes no such annotations.
    """
    measure = vernier_backend.precision_recall if evaluator == "vernier" else lvis_backend.precision_recall
    return measure(truth, detections, iou_type, outcomes)


def ap_result(
    truth: GroundTruth,
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
    evaluator: Evaluator = "vernier",
) -> APResult:
    """What is published of precision [T, R, K, A] and recall [T, K, A]."""
    per_class = class_ap(precision, truth.category_ids)
    return APResult(summarize(precision, recall, truth.frequency), per_class, precision, evaluator)


def class_ap(precision: NDArray[np.float64], category_ids: Sequence[int]) -> dict[int, float]:
    """Category id -> AP from precision [T, R, K, A]; -1 where there is no ground truth."""
    return {category: _mean(precision[:, :, index, 0]) for index, category in enumerate(category_ids)}


def summarize(
    precision: NDArray[np.float64], recall: NDArray[np.float64], frequency: Sequence[str]
) -> dict[str, float]:
    """AP_NAMES from precision [T, R, K, A], recall [T, K, A] and the frequency ("r", "c", "f") of each category."""
    everywhere = precision[..., 0]
    groups = [[index for index, group in enumerate(frequency) if group == name] for name in FREQUENCIES]
    values = (
        everywhere,
        everywhere[0],  # IoU 0.50
        everywhere[5],  # IoU 0.75
        precision[..., 1],
        precision[..., 2],
        precision[..., 3],
        *(everywhere[:, :, group] for group in groups),
        recall[..., 0],
    )
    return {name: _mean(value) for name, value in zip(AP_NAMES, values, strict=True)}


def _mean(values: NDArray[np.float64]) -> float:
    """The mean over entries that have ground truth; -1 when none has."""
    present = values[values > -1]
    return float(present.mean()) if present.size else -1.0
