"""Evidence of a made-up detector, of the size and shape of LVIS's validation set or of glyphs'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Evidence, Outcomes

THRESHOLDS = 10


@dataclass(frozen=True)
class Size:
    """A data set: classes with their share of the annotations falling as 1 / rank, and averages of an image."""

    images: int
    classes: int
    positive: float  # categories with objects
    negative: float  # categories that are known to be absent
    objects: float
    detections: float  # that count
    not_exhaustive: float = 0.05  # share of the positive categories


SIZES = {
    "glyphs": Size(images=120, classes=30, positive=4, negative=5, objects=6, detections=85),
    "lvis": Size(images=19_809, classes=1_203, positive=3.5, negative=7, objects=12.4, detections=120),
}


def made_runs(size: Size, runs: int = 2, seed: int = 0) -> list[Evidence]:
    """As many runs on the same images."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, size.classes + 1)
    image, category, positive = _listed(rng, size, share / share.sum())
    frequency = tuple("f" if 10 * rank < size.classes * 3 else "c" if 10 * rank < size.classes * 7 else "r"
                      for rank in range(size.classes))  # fmt: skip
    count = np.where(positive, 1 + rng.poisson(size.objects / size.positive - 1, len(image)), 0)
    open_ = positive & (rng.random(len(image)) < size.not_exhaustive)
    return [_run(rng, size, image, category, count, open_, frequency) for _ in range(runs)]


def _listed(
    rng: np.random.Generator, size: Size, share: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Pairs of an image and a category that it is annotated with, by category, and whether it has objects."""
    per_image = size.positive + size.negative
    drawn = int(1.3 * per_image * size.images)
    key = np.unique(rng.choice(size.classes, drawn, p=share) * size.images + rng.integers(size.images, size=drawn))
    category, image = np.divmod(key, size.images)
    return image, category, rng.random(len(key)) < size.positive / per_image


def _run(
    rng: np.random.Generator,
    size: Size,
    image: NDArray[np.int64],
    category: NDArray[np.int64],
    count: NDArray[np.int64],
    open_: NDArray[np.bool_],
    frequency: tuple[str, ...],
) -> Evidence:
    found = np.repeat(np.arange(len(image)), count)
    found = found[rng.random(len(found)) < 0.65]
    false = rng.integers(len(image), size=max(0, int(size.detections * size.images) - len(found)))
    pair = np.concatenate((found, false))
    up_to = rng.integers(1, THRESHOLDS + 1, len(found))  # correct at so many thresholds, from the lowest on
    correct = np.concatenate(((1 << up_to) - 1, np.zeros(len(false), dtype=np.int64)))
    ignored = np.where(open_[pair], (1 << THRESHOLDS) - 1 & ~correct, 0)
    score = np.concatenate((rng.beta(2, 2, len(found)), rng.beta(1, 6, len(false)))).astype(np.float32)
    order = np.lexsort((image[pair], -score, category[pair]))
    pair = pair[order]
    columns = (np.repeat(bits[order, None], 4, axis=1).astype(np.uint16) for bits in (correct, ignored))
    has = count > 0
    return Evidence(
        annotations="0" * 64,
        predictions="0" * 64,
        image_ids=np.arange(1, size.images + 1),
        category_ids=np.arange(1, size.classes + 1),
        frequency=frequency,
        category=category[pair].astype(np.int32),
        image=image[pair].astype(np.int32),
        score=score[order].astype(np.float64),
        outcomes={"bbox": Outcomes(*columns)},
        object_category=category[has].astype(np.int32),
        object_image=image[has].astype(np.int32),
        object_count=np.repeat(count[has, None], 4, axis=1).astype(np.int32),
    )
