"""One repetition: a validation set is drawn, and what an interval and a test are made from is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.calibration.generator import Floats, Population, draw
from benchmarks.calibration.small_ap import COMPARED, means, small_ap
from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes

QUANTILES = (0.025, 0.975)
ROUNDING = 1e-6  # float32's: differences that differ by less are equal


@dataclass(frozen=True)
class Repetition:
    """M: COMPARED. Axis 2: of the first detector, and of the difference, second - first.

    value, deviation: float64 [2, M], what was measured, and the standard deviation of its resampled values. quantile:
    float64 [2, M, 2], of the resampled values at QUANTILES. swap, classes: float64 [M], p of the swap test, and of a
    t-test over the classes. images: int64 [K], in how many images a class is present.
    """

    value: Floats
    deviation: Floats
    quantile: Floats
    swap: Floats
    classes: Floats
    images: NDArray[np.int64]


def repeat(population: Population, rng: np.random.Generator, resamples: int, permutations: int) -> Repetition:
    """permutations: of the swap test; 0 leaves it out."""
    sides = draw(population, rng)
    frequency, images = population.frequency, population.images
    once = [small_ap(side, np.ones((1, images), np.int8)) for side in sides]
    value = _first_and_difference(np.concatenate([means(found, frequency) for found in once]))
    weights = np.stack([np.bincount(row, minlength=images) for row in rng.integers(images, size=(resamples, images))])
    resampled = _first_and_difference(np.stack([means(small_ap(side, weights), frequency) for side in sides]))
    return Repetition(
        value,
        np.nanstd(resampled, axis=1, ddof=1),
        np.moveaxis(np.nanquantile(resampled, QUANTILES, axis=1), 0, -1),
        _swap_test(*sides, value[1], rng, permutations),
        _over_classes(once[1] - once[0], frequency),
        np.bincount(sides[0].object_category, minlength=len(frequency)),
    )


def measured(population: Population, rng: np.random.Generator) -> Floats:
    """float64 [2, M]: the first detector's metrics and the difference in a validation set of its own."""
    once = np.ones((1, population.images), np.int8)
    found = [means(small_ap(side, once), population.frequency)[0] for side in draw(population, rng)]
    return _first_and_difference(np.stack(found))


def _first_and_difference(values: Floats) -> Floats:
    return np.stack((values[0], values[1] - values[0]))


def _over_classes(difference: Floats, frequency: tuple[str, ...]) -> Floats:
    """p of a t-test over the classes' differences, [M]. difference: [2, 1, K], of AP and of AP50."""
    groups = [np.array([own == letter for own in frequency]) for letter in "rcf"]
    parts = (difference[0, 0], *(difference[0, 0, group] for group in groups), difference[1, 0])
    return np.array([_t_test(part[np.isfinite(part)]) for part in parts])


def _t_test(values: Floats) -> float:
    if len(values) < 2:
        return np.nan
    return 1.0 if np.ptp(values) == 0 else float(stats.ttest_1samp(values, 0).pvalue)


def _swap_test(
    first: Evidence, second: Evidence, difference: Floats, rng: np.random.Generator, permutations: int
) -> Floats:
    """p-values [M], as lt_bench.evaluation.comparison.swap_test has them."""
    if not permutations:
        return np.full(len(COMPARED), np.nan)
    both = _side_by_side(first, second)
    swapped = rng.random((permutations, len(first.image_ids))) < 0.5
    sides = [np.concatenate(pair, axis=1).astype(np.int8) for pair in ((~swapped, swapped), (swapped, ~swapped))]
    before, after = (means(small_ap(both, side), first.frequency) for side in sides)
    larger = np.sum(np.abs(after - before) >= np.abs(difference) - ROUNDING, axis=0)
    p: Floats = (1 + larger) / (1 + permutations)
    return p


def _side_by_side(first: Evidence, second: Evidence) -> Evidence:
    """Every image twice: once with what the first detector found, once with what the second did."""
    count = len(first.image_ids)

    def joined(name: str) -> NDArray[np.int32]:
        return np.concatenate((getattr(first, name), getattr(second, name)))

    image = np.concatenate((first.image, second.image + count))
    order = np.lexsort((image, -joined("score"), joined("category")))
    found = [side.outcomes["bbox"] for side in (first, second)]
    object_image = np.concatenate((first.object_image, second.object_image + count))
    objects = np.lexsort((object_image, joined("object_category")))
    return Evidence(
        annotations="",
        predictions="",
        image_ids=np.arange(2 * count),
        category_ids=first.category_ids,
        frequency=first.frequency,
        category=joined("category")[order],
        image=image[order].astype(np.int32),
        score=np.concatenate((first.score, second.score))[order],
        outcomes={
            "bbox": Outcomes(
                np.concatenate([side.correct for side in found])[order],
                np.concatenate([side.ignored for side in found])[order],
            )
        },
        object_category=joined("object_category")[objects],
        object_image=object_image[objects].astype(np.int32),
        object_count=joined("object_count")[objects],
    )
