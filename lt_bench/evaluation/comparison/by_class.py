"""Which classes gained and lost from one loss to another, and whether more of them than chance would have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.comparison import Candidate, Measured, Options
from lt_bench.evaluation.comparison.intervals import Interval, image_interval, images_of_classes
from lt_bench.evaluation.comparison.swap_test import ROUNDING, exchanged
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask

Floats = NDArray[np.float64]
LEVEL = 0.05


@dataclass(frozen=True)
class ClassInfo:
    """training_images: that show the class."""

    id: int
    name: str
    frequency: str
    training_images: int


@dataclass(frozen=True)
class ClassDifference:
    """first, second: AP, mean over the runs. value: second minus first. images: validation images that have an object
    of the class. interval: None with one image, of which no variance is known. p: of the swap test for this class
    alone, None where the losses have different numbers of runs.
    """

    about: ClassInfo
    images: int
    first: float
    second: float
    value: float
    interval: Interval | None
    p: float | None


@dataclass(frozen=True)
class Excess:
    """How many classes differ, against how many would if each image's detections could as well be the other loss's.

    level: a class counts whose own p is at most that. found: how many do. Without a difference, as in the permutations:
    expected: their mean number; high: the number that at most `level` of the permutations exceed; p: how often there
    are as many as found, or more. after_correction: classes that are left when Benjamini and Hochberg's method (Journal
    of the Royal Statistical Society B 57, 1995) holds the share of false ones at `level`.
    """

    level: float
    found: int
    expected: float
    high: int
    p: float
    after_correction: int


@dataclass(frozen=True, eq=False)
class ByClass:
    """classes: those that have objects in the validation set, by id. excess: None where p is."""

    first: str
    second: str
    classes: tuple[ClassDifference, ...]
    excess: Excess | None

    def gained(self) -> list[ClassDifference]:
        """Those with the highest differences first, only the positive ones."""
        return sorted((one for one in self.classes if one.value > 0), key=lambda one: (-one.value, one.about.id))

    def lost(self) -> list[ClassDifference]:
        return sorted((one for one in self.classes if one.value < 0), key=lambda one: (one.value, one.about.id))


def by_class(
    candidates: tuple[Candidate, Candidate],
    measured: tuple[Measured, Measured],
    about: Sequence[ClassInfo],
    options: Options,
) -> ByClass:
    """The difference of two losses in every class. about: in the order of the evidence's categories."""
    first, second = (one.ap.mean(axis=0) for one in measured)
    resampled = measured[1].resampled_ap - measured[0].resampled_ap
    truth = candidates[0].evidence[0]
    there = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
    images = images_of_classes(truth)
    p, excess = None, None
    if len(candidates[0].evidence) == len(candidates[1].evidence):
        swapped = swapped_differences(
            candidates[0].evidence, candidates[1].evidence, options.kind, options.resamples, options.random_seed
        )[:, there]
        every_p = p_values(swapped)
        excess = excess_of(every_p)
        p = dict(zip(there.tolist(), every_p[0].tolist(), strict=True))
    classes = tuple(
        ClassDifference(
            about=about[k],
            images=int(images[k]),
            first=float(first[k]),
            second=float(second[k]),
            value=float(second[k] - first[k]),
            interval=image_interval(float(second[k] - first[k]), resampled[:, k], options.confidence)
            if images[k] > 1
            else None,
            p=None if p is None else p[k],
        )
        for k in there.tolist()
    )
    return ByClass(candidates[0].name, candidates[1].name, classes, excess)


def swapped_differences(
    first: Sequence[Evidence], second: Sequence[Evidence], kind: BoxOrMask, permutations: int, seed: int
) -> Floats:
    """AP of the second minus AP of the first by class: float64 [1 + permutations, K], the first row as it is.

    In each other row the detections of the images were exchanged (`exchanged`).
    """
    return exchanged(first, second, kind, permutations, seed, lambda found: found.ap)


def p_values(differences: Floats) -> Floats:
    """For every row of float64 [P, K], how many rows of all have a difference at least as large, by class, as a share.

    The first row's are the p-values; the others' are what p-values are when there is no difference.
    """
    size = np.abs(differences)
    found = np.empty_like(size)
    for k in range(size.shape[1]):
        ascending = np.sort(size[:, k])
        found[:, k] = (len(size) - np.searchsorted(ascending, size[:, k] - ROUNDING)) / len(size)
    return found


def excess_of(p: Floats, level: float = LEVEL) -> Excess:
    """p: float64 [1 + permutations, K], as from `p_values`.

    Classes share images, so how their number scatters without a difference comes from the permutations, too, and not
    from a binomial distribution.
    """
    counts = (p <= level).sum(axis=1)
    ordered = np.sort(p[0])
    passing = np.flatnonzero(ordered <= level * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    return Excess(
        level=level,
        found=int(counts[0]),
        expected=float(counts[1:].mean()),
        high=int(np.quantile(counts[1:], 1 - level, method="higher")),
        p=float((counts >= counts[0]).mean()),
        after_correction=int(passing[-1] + 1) if len(passing) else 0,
    )
