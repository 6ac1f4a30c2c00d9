"""LVIS precision and recall by vernier, which gives lvis-api's array in a fraction of its time and memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.evidence import Outcomes
from lt_bench.evaluation.evidence.from_ious import fill_from_ious
from lt_bench.evaluation.inputs.chunk_reader import buffers
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import REMEDY, GroundTruth
from lt_bench.evaluation.terms import IouType

THRESHOLDS, RECALLS, AREAS = 10, 101, 4
CELLS = 1 << 18  # (category, image) pairs of a part; vernier spends time and memory on each, occupied or not
WORKERS = 2
DILATION_RATIO = 0.02  # of an image's diagonal, for the boundary of a mask
BEYOND_EVERY_AREA = 1e11  # px^2; lvis-api's widest area range ends at 1e10


class Refused(UserError):
    """vernier does not take these annotations. That need not mean that lvis-api doesn't."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some categories, which nothing connects with the others once an image's detections are cut, as vernier reads
    them. categories: int64, their indices in the ground truth, ascending. dataset: vernier's, which keeps its masks.
    """

    categories: NDArray[np.int64]
    dataset: Any


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
    parts = _parts(truth)
    rows = _with_area(detections, iou_type)
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
            part.dataset,
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


_known: WeakKeyDictionary[GroundTruth, list[Part]] = WeakKeyDictionary()


def _parts(truth: GroundTruth) -> list[Part]:
    """The categories that have objects, in parts of bounded size; the others have no precision."""
    if truth not in _known:
        objects = np.argsort(truth.objects.category, kind="stable")
        with ThreadPoolExecutor(WORKERS) as pool:
            _known[truth] = list(pool.map(partial(_part, truth, objects), _divide(truth)))
    return _known[truth]


def _divide(truth: GroundTruth) -> Iterator[NDArray[np.int64]]:
    """Places of categories, ascending, in groups that have no more than CELLS pairs with the images that name them."""
    images = truth.annotated.sum(axis=0).tolist()
    chosen: list[int] = []
    for category in np.flatnonzero(truth.positive.any(axis=0)).tolist():
        if chosen and (len(chosen) + 1) * sum(images[other] for other in (*chosen, category)) > CELLS:
            yield np.array(chosen)
            chosen = []
        chosen.append(category)
    if chosen:
        yield np.array(chosen)


def _part(truth: GroundTruth, by_category: NDArray[np.int64], categories: NDArray[np.int64]) -> Part:
    from vernier.instance import CocoDataset

    of = truth.objects.category[by_category]
    starts, ends = np.searchsorted(of, categories), np.searchsorted(of, categories, side="right")
    objects = [by_category[start:end] for start, end in zip(starts, ends, strict=True)]
    try:
        dataset = CocoDataset.from_lvis_json(_json(truth, categories, np.sort(np.concatenate(objects))))
    except ValueError as error:
        raise Refused(f"{truth.path}: vernier does not take it: {error}", REMEDY) from error
    return Part(categories, dataset)


def _json(truth: GroundTruth, categories: NDArray[np.int64], objects: NDArray[np.int64]) -> bytes:
    """Some categories and their objects as vernier must read them to mean what lvis-api means.

    lvis-api ignores `iscrowd` and obeys `ignore`; vernier, after pycocotools, does the reverse. An ignored annotation
    is therefore given an area outside every area range, which means the same to lvis-api. vernier refuses lists that
    contradict each other: a category that is annotated in an image counts as positive whatever the negative list says,
    and in an image where a category is not annotated and not exhaustive either, lvis-api ignores every detection of it,
    as if it were in no list.
    """
    ids = np.array(truth.category_ids)[categories]
    present = np.flatnonzero(truth.annotated[:, categories].any(axis=1))
    cells = np.ix_(present, categories)
    positive, open_ = truth.positive[cells], truth.not_exhaustive[cells]
    columns = (
        truth.image_ids[present].tolist(),
        truth.image_size[present].tolist(),
        _lists(truth.annotated[cells] & ~positive & ~open_, ids),
        _lists(positive & open_, ids),
    )
    images = ",".join(
        f'{{"id":{key},"height":{height},"width":{width},"neg_category_ids":{negative},'
        f'"not_exhaustive_category_ids":{not_exhaustive}}}'
        for key, (height, width), negative, not_exhaustive in zip(*columns, strict=True)
    )
    entries = [
        {"id": key, "name": str(key), "frequency": truth.frequency[category]}
        for key, category in zip(ids.tolist(), categories, strict=True)
    ]
    head = f'{{"images":[{images}],"categories":{json.dumps(entries)},"annotations":['
    return head.encode() + b",".join(map(_readable, truth.annotations(objects))) + b"]}"


def _lists(table: NDArray[np.bool_], ids: NDArray[np.int64]) -> Iterator[list[int]]:
    """The ids of the columns that are set, row by row."""
    rows, columns = np.nonzero(table)
    values, ends = ids[columns].tolist(), np.cumsum(np.bincount(rows, minlength=len(table))).tolist()
    return (values[start:end] for start, end in pairwise([0, *ends]))


def _readable(text: bytes) -> bytes:
    if b'"iscrowd"' not in text and b'"ignore"' not in text:
        return text
    row = json.loads(text)
    row.pop("iscrowd", None)
    if row.pop("ignore", 0):
        row["area"] = BEYOND_EVERY_AREA
    return json.dumps(row).encode()
