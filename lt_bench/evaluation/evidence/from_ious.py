"""Outcomes of detections from the IoUs that vernier evaluated with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Outcomes
from lt_bench.evaluation.evidence.greedy import match
from lt_bench.evaluation.evidence.outcomes import EVERY, outside
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth


def fill_from_ious(
    outcomes: Outcomes,
    truth: GroundTruth,
    detections: Detections,
    area: NDArray[np.float64],
    rows: NDArray[np.int64],
    ious: Mapping[tuple[int, int], NDArray[np.float64]],
) -> None:
    """Set the outcomes of all detections of some categories, in place.

    rows: int64, which of `detections` these are. area: float64 of each of them, px^2. ious: (image id, category id) ->
    float64 [D, G], of its detections in falling order of score with its objects in the order of the file; of every
    such pair that has both.
    """
    images = len(truth.image_ids)
    image, category = truth.image_indices(detections.image[rows]), truth.category_indices(detections.category[rows])
    order = np.lexsort((-detections.score[rows], image, category))
    rows, area, image, category = rows[order], area[order], image[order], category[order]
    objects = truth.objects.take(np.isin(truth.objects.category, category))
    objects = objects.take(np.lexsort((objects.image, objects.category)))
    found, present = category * images + image, objects.category * images + objects.image
    common = np.intersect1d(found, present)
    keys = zip(
        truth.image_ids[common % images].tolist(),
        np.array(truth.category_ids)[common // images].tolist(),
        strict=True,
    )
    chosen, of_pairs = np.isin(found, common), np.isin(present, common)
    matched, passed_over = (np.zeros((len(rows), len(outside(area[:0]).T)), dtype=np.uint16) for _ in range(2))
    matched[chosen], passed_over[chosen] = match(
        np.concatenate([np.empty(0), *(ious[key].ravel() for key in keys)]),
        _sizes(found, common),
        _sizes(present, common),
        (objects.ignored[:, None] | outside(objects.area))[of_pairs],
    )
    forgiven = truth.not_exhaustive[image, category][:, None] | outside(area)
    outcomes.correct[rows] = matched
    outcomes.ignored[rows] = passed_over | np.where(forgiven, ~(matched | passed_over) & np.uint16(EVERY), 0)


def _sizes(sorted_pairs: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(sorted_pairs, pairs, side="right") - np.searchsorted(sorted_pairs, pairs)
