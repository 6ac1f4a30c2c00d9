"""Detections matched to objects at one IoU as lvis-api does it, and how well each detection fits any object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as mask_api

from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.terms import BoxOrMask

LARGEST_AREA = 1e10  # pixels; lvis-api ignores what is larger

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Matching:
    """Of N detections, in their order. match: int64 [N], the object that each is matched to, an index into
    GroundTruth.objects, or -1. same_class, other_class: float64 [N], the highest IoU with an object of its category and
    with any other object, among those of its image that are not ignored. same_class_object, other_class_object: int64
    [N], these objects; any number where the IoU is 0. forgiven: bool [N], neither right nor wrong. ignored: bool [G],
    objects that nobody needs to find.
    """

    match: Ints
    same_class: Floats
    same_class_object: Ints
    other_class: Floats
    other_class_object: Ints
    forgiven: Bools
    ignored: Bools


def match(truth: GroundTruth, detections: Detections, iou_type: BoxOrMask, threshold: float) -> Matching:
    """Match detections, one image after the other. Memory grows with the detections alone."""
    objects, size = truth.objects, len(detections)
    image = truth.image_indices(detections.image)
    category = truth.category_indices(detections.category)
    if iou_type == "segm":
        assert detections.pixels is not None
        area = detections.pixels.astype(np.float64)
    else:
        area = detections.box[:, 2] * detections.box[:, 3]
    ignored = objects.ignored | (objects.area > LARGEST_AREA)
    matched = np.full(size, -1)
    same_class, other_class = np.zeros(size), np.zeros(size)
    same_class_object, other_class_object = np.full(size, -1), np.full(size, -1)
    for found, present in _by_image(image, detections.score, objects.image):
        ious = _ious(truth, detections, found, present, iou_type)
        same = category[found, None] == objects.category[present]
        for row, column in _greedy(ious, same, ignored[present], threshold):
            matched[found[row]] = present[column]
        for best, where, fits in ((same_class, same_class_object, same), (other_class, other_class_object, ~same)):
            allowed = np.where(fits & ~ignored[present], ious, 0.0)
            columns = allowed.argmax(axis=1)
            best[found], where[found] = allowed[np.arange(len(found)), columns], present[columns]
    unmatched = truth.not_exhaustive[image, category] | (area <= 0) | (area > LARGEST_AREA)
    forgiven = np.where(matched >= 0, np.append(ignored, False)[matched], unmatched)
    return Matching(matched, same_class, same_class_object, other_class, other_class_object, forgiven, ignored)


def _by_image(detected: Ints, score: Floats, annotated: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Of every image with both, its detections, best scored first, and its objects; both in their order otherwise."""
    found, present = np.lexsort((-score, detected)), np.argsort(annotated, kind="stable")
    images = np.intersect1d(detected, annotated)
    bounds = [
        np.searchsorted(numbers, bound).tolist()
        for numbers in (detected[found], annotated[present])
        for bound in (images, images + 1)
    ]
    for first, last, start, end in zip(*bounds, strict=True):
        yield found[first:last], present[start:end]


def _greedy(ious: Floats, same: Bools, ignored: Bools, threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs (detection, object): every detection in turn takes the best object of its category that is still free.

    As in lvis-api, one that is not ignored comes before one that is, and of equal IoUs the later object is taken.
    """
    rows, columns = np.nonzero(same & (ious >= threshold))
    triples = zip(rows.tolist(), columns.tolist(), ious[rows, columns].tolist(), strict=True)
    counts = (~ignored).tolist()
    taken: set[int] = set()
    for row, candidates in groupby(triples, key=itemgetter(0)):
        free = [(counts[column], iou, column) for _, column, iou in candidates if column not in taken]
        if free:
            column = max(free)[2]
            taken.add(column)
            yield row, column


def _ious(truth: GroundTruth, detections: Detections, found: Ints, present: Ints, iou_type: BoxOrMask) -> Floats:
    """IoU [D, G] of an image's detections with its objects, by the functions that lvis-api calls."""
    no_crowd = [0] * len(present)
    if iou_type == "bbox":
        return np.asarray(mask_api.iou(detections.box[found], truth.objects.box[present], no_crowd))
    assert detections.counts is not None
    size = truth.image_size[truth.objects.image[present[0]]].tolist()
    masks = [{"size": size, "counts": counts} for counts in detections.counts.take(found).to_pylist()]
    annotations = truth.file.annotations.at(truth.objects.row[present])
    objects = [_rle(annotation["segmentation"], *size) for annotation in annotations]
    return np.asarray(mask_api.iou(masks, objects, no_crowd))


def _rle(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """The mask of an annotation, which is polygons, or RLE as a list or compressed."""
    if isinstance(segmentation, list):
        segmentation = mask_api.merge(mask_api.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = mask_api.frPyObjects(segmentation, height, width)
    return dict(segmentation)
