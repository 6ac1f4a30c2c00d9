"""LVIS precision and recall by vernier, which gives lvis-api's array in a fraction of its time and memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lt_bench.evaluation.ap.vernier_parts import WORKERS, Part, Refused, parts_of, parts_with
from lt_bench.evaluation.evidence.evidence import Outcomes
from lt_bench.evaluation.evidence.from_ious import fill_from_ious
from lt_bench.evaluation.inputs.chunk_reader import buffers
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import REMEDY, GroundTruth
from lt_bench.evaluation.terms import IouType

THRESHOLDS, RECALLS, AREAS = 10, 101, 4
DILATION_RATIO = 0.02  # of an image's diagonal, for the boundary of a mask


def precision_recall(
    truth: GroundTruth,
    detections: Detections,
    iou_type: IouType,
    outcomes: Outcomes | None = None,
    dilation_ratio: float = DILATION_RATIO,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision [T, R, K, A] and recall [T, K, A] of checked detections, all of which count.

    outcomes: where those of the detections are written to, if they are wanted. Raises Refused.
    """
    classes = len(truth.category_ids)
    precision = np.full((THRESHOLDS, RECALLS, classes, AREAS), -1.0)
    recall = np.full((THRESHOLDS, classes, AREAS), -1.0)
    rows = _with_area(detections, iou_type)
    parts = parts_with(truth, detections.take(rows)) if truth.file.exhaustive else parts_of(truth)
    if iou_type == "bbox":
        detections = replace(detections, counts=None, pixels=None)
    measure = partial(_measure, truth, detections, iou_type, outcomes, dilation_ratio)
    with ThreadPoolExecutor(WORKERS) as pool:
        measured = pool.map(measure, parts, _distribute(truth, parts, detections, rows))
        for part, (its_precision, its_recall) in zip(parts, measured, strict=True):
            precision[:, :, part.categories], recall[:, part.categories] = its_precision, its_recall
    return precision, recall


def _with_area(detections: Detections, iou_type: IouType) -> NDArray[np.int64]:
    """The rows of detections with an area: lvis-api lets the others take their place among an image's best, and then
    forgets them."""
    area = _area(detections, iou_type)
    return np.flatnonzero((area > 0) & (area < np.inf))


def _area(detections: Detections, iou_type: IouType) -> NDArray[np.float64]:
    """In px^2, as lvis-api computes it."""
    if iou_type == "bbox":
        with np.errstate(over="ignore"):
            area: NDArray[np.float64] = detections.box[:, 2] * detections.box[:, 3]
            return area
    assert detections.pixels is not None
    return detections.pixels.astype(np.float64)


def _distribute(
    truth: GroundTruth, parts: list[Part], detections: Detections, rows: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Those of `rows` that belong to each part."""
    part_of = np.full(len(truth.category_ids), len(parts), dtype=np.uint16)
    for index, part in enumerate(parts):
        part_of[part.categories] = index
    where = part_of[truth.category_indices(detections.category[rows])]
    order = np.argsort(where, kind="stable")
    bounds = np.searchsorted(where[order], np.arange(len(parts) + 1))
    for index in range(len(parts)):
        yield rows[order[bounds[index] : bounds[index + 1]]]


def _measure(
    truth: GroundTruth,
    detections: Detections,
    iou_type: IouType,
    outcomes: Outcomes | None,
    dilation_ratio: float,
    part: Part,
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from vernier import _core  # its public Evaluator refuses max_dets=(300,)

    most = max(1, len(rows))  # every detection counts
    own = detections.take(rows)
    found = _matrix(own) if iou_type == "bbox" else _mask_json(truth, own)
    evaluate: Any = _core.evaluate_bbox_grid
    if iou_type == "segm":
        evaluate = partial(_core.evaluate_segm_grid, dt_area="mask")
    elif iou_type == "boundary":
        evaluate = partial(_core.evaluate_boundary_grid, dt_area="mask", dilation_ratio=dilation_ratio)
    try:
        grid = evaluate(
            part.dataset(),
            found,
            parity_mode="strict",
            use_cats=True,
            max_dets_per_image=most,
            retain_iou=outcomes is not None,
            retain_meta=False,
        )
    except ValueError as error:  # the detections were checked; what it may still refuse is an annotated mask
        raise Refused(f"{truth.path}: vernier does not take it: {error}", REMEDY) from error
    accumulated = grid.accumulate(max_dets=[most])
    if outcomes is not None:
        fill_from_ious(outcomes, truth, detections, _area(own, iou_type), rows, grid.ious())
    return np.asarray(accumulated.precision)[..., 0], np.asarray(accumulated.recall)[..., 0]


def _matrix(detections: Detections) -> NDArray[np.float64]:
    return np.column_stack((detections.image, detections.box, detections.score, detections.category))


def _mask_json(truth: GroundTruth, detections: Detections) -> bytes:
    """Detections with masks as vernier reads them. It requires a bbox, though it does not use it.

    Arrow writes numbers with as many digits as it takes to read the same number again.
    """
    assert detections.counts is not None
    text = pa.large_string()
    size = truth.image_size[truth.image_indices(detections.image)]
    pieces: list[Any] = []
    for before, column in (
        ('{"image_id":', detections.image),
        (',"category_id":', detections.category),
        (',"score":', detections.score),
        (',"bbox":[0,0,0,0],"segmentation":{"size":[', size[:, 0]),
        (",", size[:, 1]),
    ):
        pieces += (before, pa.array(column).cast(text))
    counts = pc.replace_substring(detections.counts.cast(text), "\\", "\\\\")  # nothing else needs an escape
    pieces += ('],"counts":"', counts, '"}},', "")
    rows = [pa.scalar(piece, text) if isinstance(piece, str) else piece for piece in pieces]
    characters, offsets = buffers(pc.binary_join_element_wise(*rows))
    return b"[" + characters[offsets[0] : max(offsets[-1] - 1, 0)].tobytes() + b"]"
