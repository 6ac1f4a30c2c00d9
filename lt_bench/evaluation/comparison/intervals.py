"""Confidence intervals from image resamples, and what they are worth where classes have few images.

docs/calibration.md says how the form was chosen and how often the intervals hold the true value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.utils.frequency import FREQUENCIES

ENOUGH = 4  # images of a class from which on the bootstrap's variance is right to 4 %
TRUSTED_FROM = 5  # images of a group's classes; with fewer, intervals of a difference hold the true one too rarely
HELD = {1: 20, 2: 73, 3: 93, 4: 93}  # in how many percent of the simulations they do, by images


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def image_interval(value: float, resampled: NDArray[np.float64], confidence: float = 0.95) -> Interval | None:
    """value ± z times the standard deviation of its `resampled` values: float64 [B], NaN where it is not there.

    It is about these weights and other images of the same kind. `resampled` comes from `widened`: without it the
    interval is too short where classes have few images. None with fewer than two resamples that have a value.
    """
    there = resampled[np.isfinite(resampled)]
    if len(there) < 2 or not np.isfinite(value):
        return None
    half = float(stats.norm.isf((1 - confidence) / 2) * there.std(ddof=1))
    return Interval(value - half, value + half)


def images_of_classes(evidence: Evidence) -> NDArray[np.int64]:
    """In how many images each class has objects to find: int64 [K]."""
    counted = evidence.object_category[evidence.object_count[:, 0] > 0]
    return np.bincount(counted, minlength=len(evidence.category_ids))


def widened(resampled: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Resampled metrics [..., B, M], each moved away from its mean over the resamples by its factor of `widenings`.

    All runs on the same images have the same factors, so that differences of widened values are widened as well.
    """
    there = np.isfinite(resampled)
    count = np.maximum(there.sum(axis=-2, keepdims=True), 1)
    mean = np.where(there, resampled, 0).sum(axis=-2, keepdims=True) / count
    moved: NDArray[np.float64] = mean + (resampled - mean) * factors
    return moved


def widenings(images: NDArray[np.integer], frequency: Sequence[str]) -> NDArray[np.float64]:
    """By how much the bootstrap's standard error of each metric in COMPARED is too small: float64 [M], at least 1.

    images: [K], in how many images each class has objects; frequency: "r", "c" or "f" of each.
    """
    own = np.array(list(frequency))
    groups = [images, *(images[own == name] for name in FREQUENCIES), images]
    return np.array([widening(group) for group in groups])


def widening(images: NDArray[np.integer]) -> float:
    """By how much the bootstrap's standard error of a mean over classes is too small; images: [K] of the classes.

    Let a class's AP be the mean of one number for each of its m images, with the variance s²: its own variance is
    s² / m. In a resample the class stands n times, n being Poisson(m), and is there with the probability
    f = P(n > 0). What it adds to the resampled variance of the mean over those classes that are there is then
    f s² ((m - 1) / m E[1 / n | n > 0] + (1 - f) / m) / F², F being the mean of f over the classes, against s² / m.
    With the same s² for all classes, the sums over the classes give the ratio. It is 1.31 if all classes have one
    image, 1.10 with two, 1.02 with three, and 1 from ENOUGH on; more in a mean over rare and frequent classes.
    """
    there = np.minimum(images[images > 0], ENOUGH)
    if not len(there):
        return 1.0
    true = 1 / images[images > 0]
    resampled = (true * _PART[there]).sum() / _PRESENT[there].mean() ** 2
    return max(1.0, float(np.sqrt(true.sum() / resampled)))


def doubts(images: NDArray[np.integer], frequency: Sequence[str]) -> dict[str, str]:
    """Metric -> a sentence for the output: APr, APc and APf as far as their intervals can't be trusted.

    images, frequency: as in `widenings`. The figures are those of docs/calibration.md.
    """
    own = np.array(list(frequency))
    found = {}
    for name, word in FREQUENCIES.items():
        there = images[(own == name) & (images > 0)]
        count = int(there.sum())
        if 0 < count < TRUSTED_FROM:
            found[f"AP{name}"] = (
                f"AP{name}: {word} classes that the validation images show: {len(there)}; images that show one: "
                f"{count}. With fewer than {TRUSTED_FROM} no interval can be trusted, and none is given, nor a p: in "
                f"simulations {HELD[count]} % of the 95 % intervals of a difference held the true one."
            )
    return found


def _poisson(images: int) -> tuple[float, float]:
    """Of a class with so many images: the part of its variance that the bootstrap has, without F, and f."""
    drawn = np.arange(1, 60)
    chance = stats.poisson.pmf(drawn, images)
    present = chance.sum()
    return float((images - 1) * (chance / drawn).sum() + present * (1 - present)), float(present)


_PART, _PRESENT = np.array([(np.nan, np.nan), *map(_poisson, range(1, ENOUGH)), (1.0, 1.0)]).T
