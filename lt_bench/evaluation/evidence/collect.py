"""Evidence from annotations and the detections that LVIS AP counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.ap.average_precision import Evaluator, average_precision
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes
from lt_bench.evaluation.evidence.outcomes import AREAS, unseen
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.terms import BoxOrMask


def collect(
    truth: GroundTruth,
    best: Detections,
    kinds: Collection[BoxOrMask],
    evaluator: Evaluator = "vernier",
    predictions: str = "",
) -> Evidence:
    """Evidence of detections, all of which count: the 300 best of each image.

    predictions: the SHA-256 (hex) of their file. Evaluates them; use `assemble` where that has been done already.
    """
    outcomes = {kind: unseen(len(best)) for kind in kinds}
    evaluators = {kind: average_precision(truth, best, kind, evaluator, outcomes[kind]).evaluator for kind in kinds}
    return assemble(truth, best, outcomes, evaluators, predictions)


def assemble(
    truth: GroundTruth,
    best: Detections,
    outcomes: Mapping[BoxOrMask, Outcomes],
    evaluators: Mapping[BoxOrMask, Evaluator],
    predictions: str,
) -> Evidence:
    """Evidence from the outcomes of the detections `best`, in their order."""
    category, image = truth.category_indices(best.category), truth.image_indices(best.image)
    order = np.lexsort((image, -best.score, category))
    has_objects: NDArray[np.bool_] = np.asarray(truth.positive.any(axis=0))
    order = order[has_objects[category[order]]]
    pairs, counts = _objects(truth)
    return Evidence(
        annotations=truth.file.digest,
        predictions=predictions,
        image_ids=truth.image_ids,
        category_ids=np.array(truth.category_ids, dtype=np.int64),
        frequency=truth.frequency,
        category=category[order].astype(np.int32),
        image=image[order].astype(np.int32),
        score=best.score[order],
        outcomes={kind: Outcomes(one.correct[order], one.ignored[order]) for kind, one in outcomes.items()},
        object_category=(pairs // len(truth.image_ids)).astype(np.int32),
        object_image=(pairs % len(truth.image_ids)).astype(np.int32),
        object_count=counts,
        evaluators=evaluators,
    )


def _objects(truth: GroundTruth) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Pairs of a category and an image that have objects, as category * images + image, ascending, int64 [C], and how
    many of these have to be found in each area range, int32 [C, A]."""
    objects = truth.objects
    pairs, pair = np.unique(objects.category * len(truth.image_ids) + objects.image, return_inverse=True)
    counts = np.empty((len(pairs), len(AREAS)), dtype=np.int32)
    for area, (low, high) in enumerate(AREAS):
        wanted = ~objects.ignored & (objects.area >= low) & (objects.area <= high)
        counts[:, area] = np.bincount(pair[wanted], minlength=len(pairs))
    return pairs, counts
