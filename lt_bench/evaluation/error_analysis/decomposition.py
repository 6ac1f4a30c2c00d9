"""What kind of error costs how much AP: the decomposition of TIDE (Bolya et al., ECCV 2020), by frequency group.

Under LVIS's federated protocol: a detection that cannot count (its image is not annotated with its category) or that is
forgiven (its category is not annotated exhaustively there, or it fits an ignored object) is no error. So a confusion
shows only in an image that is annotated with both categories, with the predicted one at least as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.error_analysis.matching import Matching, match
from lt_bench.evaluation.inputs.detections import Detections
from lt_bench.evaluation.inputs.ground_truth import GroundTruth
from lt_bench.evaluation.terms import ERRORS, GROUPS, BoxOrMask

CLASSIFICATION, LOCALISATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(len(ERRORS))
CORRECT, FORGIVEN = -1, -2  # what a detection is that is no error
MATCH_IOU, BACKGROUND_IOU = 0.5, 0.1  # t_f and t_b in the paper
RECALLS = np.linspace(0, 1, 101)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Decomposition:
    """ap: group -> AP at IoU 0.5 in [0, 1], -1 without ground truth; the groups are "all", "r", "c" and "f".
    delta_ap: group -> error -> AP when all errors of this kind, and no others, are fixed, minus `ap`; 0 without ground
    truth. count: group -> error -> how many; a detection is booked under the group of the category that it predicts,
    a missed object under its own.
    """

    ap: dict[str, float]
    delta_ap: dict[str, dict[str, float]]
    count: dict[str, dict[str, int]]


def decompose(truth: GroundTruth, detections: Detections, iou_type: BoxOrMask) -> Decomposition:
    """The errors among detections that are cut already (for LVIS AP, to those with `image_rank` < 300).

    Detections are matched at IoU 0.5 as lvis-api does it. An unmatched one is judged by its highest IoU with an object
    of its own category and by that with an object of another one, in TIDE's order:

    - localisation: same class in [0.1, 0.5). Fixed: it matches that object.
    - classification: other class >= 0.5. Fixed: it matches that object, as a detection of the object's category.
    - duplicate: same class >= 0.5, so the object has a better scored match. Fixed: removed.
    - both wrong: other class in [0.1, 0.5). Fixed: removed, since it is not known which object was meant.
    - background: the rest. Fixed: removed.

    Where a fixed detection would match an object that has a match already, or that another fixed one would match as
    well, the best scored of them does and the others are removed. (So says the paper; its code removes every fixed
    one whose object has a match.) A missed object is one without a match that no localisation or classification error
    points to. Fixed: it is no longer asked for. A category that keeps no object leaves the mean, as everywhere in LVIS
    AP; where all categories of a group do, its AP counts as 1.

    A fixed classification error takes a false positive from the predicted category and gives a match to the object's,
    so it can raise the AP of two groups; `delta_ap` has both, `count` only the first.
    """
    matching = match(truth, detections, iou_type, MATCH_IOU)
    category, image, score = truth.category_indices(detections.category), detections.image, detections.score
    owner = truth.objects.category
    error = judge(matching)
    target = np.where(error == LOCALISATION, matching.same_class_object, matching.other_class_object)
    pointing = (error == LOCALISATION) | (error == CLASSIFICATION)
    reachable = np.zeros(len(owner), dtype=bool)
    reachable[matching.match[matching.match >= 0]] = True
    reachable[target[pointing]] = True
    missed = owner[~matching.ignored & ~reachable]

    objects = np.bincount(owner[~matching.ignored], minlength=len(truth.category_ids))
    right, counted = error == CORRECT, error != FORGIVEN
    before = average_precisions(category, image, score, right, counted, objects)
    after = {}
    for kind in (CLASSIFICATION, LOCALISATION, BOTH, DUPLICATE, BACKGROUND):
        fixed = (error == kind) & pointing
        claim = np.where(fixed, target, np.where(right, matching.match, -1))
        winners = _best_of_each(claim, score)
        new_category, new_right = category.copy(), np.zeros_like(right)
        new_category[winners], new_right[winners] = owner[claim[winners]], True
        kept = new_right | (counted & (claim < 0) & (error != kind))
        after[ERRORS[kind]] = average_precisions(new_category, image, score, new_right, kept, objects)
    left = objects - np.bincount(missed, minlength=len(objects))
    after[ERRORS[MISSED]] = average_precisions(category, image, score, right, counted, left)

    errors = [category[error == kind] for kind in range(MISSED)] + [missed]
    return _by_group(before, after, dict(zip(ERRORS, errors, strict=True)), np.array(truth.frequency))


def judge(matching: Matching) -> Ints:
    """What every detection is, int64 [N]: an index into ERRORS, CORRECT or FORGIVEN."""
    same, other = matching.same_class, matching.other_class
    wrong = np.select(
        [(same >= BACKGROUND_IOU) & (same < MATCH_IOU), other >= MATCH_IOU, same >= MATCH_IOU, other >= BACKGROUND_IOU],
        [LOCALISATION, CLASSIFICATION, DUPLICATE, BOTH],
        BACKGROUND,
    )
    return np.select([matching.forgiven, matching.match >= 0], [FORGIVEN, CORRECT], wrong)


def _best_of_each(claim: Ints, score: Floats) -> Ints:
    """Which detection has the highest score of all that claim an object, for each object; -1 claims none."""
    claiming = np.flatnonzero(claim >= 0)
    claiming = claiming[np.argsort(-score[claiming], kind="stable")]
    _, first = np.unique(claim[claiming], return_index=True)
    return claiming[first]


def average_precisions(
    category: Ints, image: Ints, score: Floats, right: Bools, counted: Bools, objects: Ints
) -> Floats:
    """AP of every category at 101 points of recall, as lvis-api computes it: float64 [K], NaN where it has no object.

    category, image, score, right: of the detections, [N]; counted: bool [N], which of them exist. objects: int64 [K],
    how many each category has.
    """
    order = np.lexsort((image, -score, category))
    order = order[counted[order]]
    ends = np.searchsorted(category[order], np.arange(len(objects) + 1))
    values = np.full(len(objects), np.nan)
    for index in np.flatnonzero(objects):
        rank = np.flatnonzero(right[order[ends[index] : ends[index + 1]]]) + 1
        found = np.arange(1, len(rank) + 1)
        precision = np.maximum.accumulate((found / (rank + np.spacing(1)))[::-1])[::-1]
        place = np.searchsorted(found / objects[index], RECALLS, side="left")
        values[index] = np.append(precision, 0.0)[place].mean()
    return values


def _by_group(
    before: Floats, after: Mapping[str, Floats], errors: Mapping[str, Ints], frequency: NDArray[np.str_]
) -> Decomposition:
    ap, delta_ap, count = {}, {}, {}
    for group in GROUPS:
        member = (frequency == group) | (group == "all")
        exists = member & ~np.isnan(before)
        ap[group] = float(before[exists].mean()) if exists.any() else -1.0
        delta_ap[group] = {
            name: _mean(values[exists]) - ap[group] if exists.any() else 0.0 for name, values in after.items()
        }
        count[group] = {name: int(member[categories].sum()) for name, categories in errors.items()}
    return Decomposition(ap, delta_ap, count)


def _mean(values: Floats) -> float:
    """The mean over the categories that have an object left, 1 when none has: there is nothing left to find."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else 1.0
