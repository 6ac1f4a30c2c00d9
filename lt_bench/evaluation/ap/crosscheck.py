"""Whether vernier gives lvis-api's arrays on a sample of the very data that it is to evaluate."""

from __future__ import annotations

import time
import warnings
import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.ap import lvis_backend, vernier_backend
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.terms import IouType

IMAGES = 64  # at most, in a sample
PAIRS = 300_000  # of a detection and an object of an image, at most; what lvis-api takes goes with them


def disagreement(truth: GroundTruth, detections: Detections, iou_type: IouType) -> str | None:
    """None when both give equal arrays, precision and recall, bit for bit; else a sentence that says what is amiss.

    The sample is at most IMAGES images in an order that is random, but the same for the same detections, without those
    that would take too long; of a small data set it is the whole. It takes a second or two. Where lvis-api fails on it
    there is nothing to compare with, which a warning says. Raises Refused when vernier does not take the annotations.
    """
    generator = np.random.default_rng(zlib.crc32(detections.score.tobytes()))
    candidates = generator.permutation(len(truth.image_ids))[: 4 * IMAGES]
    near = _of(truth, detections, candidates)
    images = np.sort(_affordable(truth, near, candidates)[:IMAGES])
    part = only(truth, images)
    if not part.category_ids:
        return None
    own = _of(truth, near, images)
    own = own.take(part.category_indices(own.category) >= 0)
    found = vernier_backend.precision_recall(part, own, iou_type)
    started = time.perf_counter()
    try:
        expected = lvis_backend.precision_recall(part, own, iou_type)
    except UserError as error:
        warnings.warn(f"vernier's result is not checked: {error.message}", stacklevel=3)
        return None
    seconds = time.perf_counter() - started
    differing = sum(int((left != right).sum()) for left, right in zip(found, expected, strict=True))
    if not differing:
        return None
    minutes = seconds / 60 * max(1, len(detections) / max(1, len(own)))
    return (
        f"vernier and lvis-api differ in {differing} numbers of the {iou_type} arrays of {len(images)} images; "
        f"by those, lvis-api will take {minutes:.1g} minutes or more for all"
    )


def only(truth: GroundTruth, images: NDArray[np.int64]) -> GroundTruth:
    """The ground truth of some images, given by their indices, ascending, with the categories that they have objects
    of: no other has any precision or recall in them."""
    place = np.full(len(truth.image_ids), -1)
    place[images] = np.arange(len(images))
    objects = truth.objects.take(place[truth.objects.image] >= 0)
    categories = np.unique(objects.category)
    category_place = np.full(len(truth.category_ids), -1)
    category_place[categories] = np.arange(len(categories))
    cells = np.ix_(images, categories)
    return replace(
        truth,
        image_ids=truth.image_ids[images],
        image_row=truth.image_row[images],
        image_size=truth.image_size[images],
        category_ids=tuple(truth.category_ids[category] for category in categories),
        frequency=tuple(truth.frequency[category] for category in categories),
        objects=replace(objects, image=place[objects.image], category=category_place[objects.category]),
        positive=truth.positive[cells],
        annotated=truth.annotated[cells],
        not_exhaustive=truth.not_exhaustive[cells],
    )


def _of(truth: GroundTruth, detections: Detections, images: NDArray[np.int64]) -> Detections:
    """The detections of images that are given by their indices."""
    chosen = np.zeros(len(truth.image_ids), dtype=bool)
    chosen[images] = True
    return detections.take(chosen[truth.image_indices(detections.image)])


def _affordable(truth: GroundTruth, detections: Detections, images: NDArray[np.int64]) -> NDArray[np.int64]:
    """As many of `images`, which all `detections` are of, as have no more than PAIRS pairs together."""
    count = len(truth.image_ids)
    found = np.bincount(truth.image_indices(detections.image), minlength=count)
    pairs = (found * np.bincount(truth.objects.image, minlength=count))[images]
    images, pairs = images[pairs <= PAIRS / 4], pairs[pairs <= PAIRS / 4]
    return images[np.cumsum(pairs) <= PAIRS]
