"""Whether two losses differ on these images: a permutation test that exchanges their detections image by image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.class_rows import merged_rows, objects_to_find
from lt_bench.evaluation.comparison.resampled_ap import COMPARED, ClassAP, resample
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask

ROUNDING = 1e-12  # differences of means of AP that differ by less are equal


def swap_test(
    first: Sequence[Evidence],
    second: Sequence[Evidence],
    kind: BoxOrMask,
    permutations: int = 1000,
    seed: int = 0,
    threads: int = 2,
) -> dict[str, float]:
    """p-values, two-sided, of the difference of each metric in COMPARED; NaN where a metric is not there.

    The Fisher-Pitman test on paired images: if both losses come out alike on every image, each image's detections
    could as well be the other's. In each permutation those of every image are exchanged with probability 1/2, and AP
    of both sides is recomputed exactly. p = (1 + permutations with a difference at least as large) / (1 + all).

    `first` and `second` hold the runs of each side, one a seed. All seeds of an image are exchanged together, and the
    difference is that of the means over the seeds. The p-values are about these checkpoints on other images, not about
    other seeds. Both sides must have equally many runs: with other numbers the exchanged sides would not be alike, and
    the permutations no fair comparison. Raises UserError when they have not, or when the runs were not measured on the
    same images and objects.
    """
    _refuse_unequal(first, second)
    differences = exchanged(first, second, kind, permutations, seed, ClassAP.metrics, threads)
    return dict(zip(COMPARED, _p_values(differences), strict=True))


def exchanged(
    first: Sequence[Evidence],
    second: Sequence[Evidence],
    kind: BoxOrMask,
    permutations: int,
    seed: int,
    of: Callable[[ClassAP], NDArray[np.float64]],
    threads: int = 2,
) -> NDArray[np.float64]:
    """What `of` takes of both sides' AP, second minus first, mean over the runs: float64 [1 + permutations, ...].

    The first row is the difference as it is. In each other row the detections of every image were exchanged with
    probability 1/2, those of all runs together.
    """
    truth = first[0]
    images = len(truth.image_ids)
    swapped = np.random.default_rng(seed).integers(2, size=(permutations + 1, images), dtype=np.int32)
    swapped[0] = 0  # the difference itself, by the same sums
    sides = np.concatenate((1 - swapped, swapped), axis=1), np.concatenate((swapped, 1 - swapped), axis=1)
    objects = np.broadcast_to(
        objects_to_find(truth, np.ones((1, images), dtype=np.int32)), (len(swapped), len(truth.category_ids))
    )
    found = []
    for one, other in zip(first, second, strict=True):
        rows = merged_rows(one, other, kind)
        before, after = (of(resample(rows, side, objects, truth.frequency, threads)) for side in sides)
        found.append(after - before)
    return np.asarray(sum(found) / len(found))


def _p_values(differences: NDArray[np.float64]) -> list[float]:
    """Of differences [1 + permutations, M], the first of which is the one that was seen."""
    size = np.abs(differences)
    p = (size >= size[0] - ROUNDING).mean(axis=0)
    return [float(value) for value in np.where(np.isnan(size[0]), np.nan, p)]


def _refuse_unequal(first: Sequence[Evidence], second: Sequence[Evidence]) -> None:
    if len(first) != len(second) or not first:
        raise UserError(
            f"the swap test needs as many runs of each side, not {len(first)} and {len(second)}",
            "Give the seeds that both have.",
        )
    for other in (*first[1:], *second):
        if not first[0].same_truth(other):
            raise UserError("the runs were measured on different images", "Compare runs of the same annotation file.")
