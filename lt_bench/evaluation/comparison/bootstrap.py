"""The paired bootstrap over images (Efron and Tibshirani 1993): metrics of a run in resampled validation sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.resampled_ap import class_ap
from lt_bench.evaluation.evidence.evidence import Evidence
from lt_bench.evaluation.terms import BoxOrMask


def draw_images(images: int, resamples: int, seed: int) -> NDArray[np.int32]:
    """How often each image stands in each resample: int32 [resamples, images]; every row adds up to `images`.

    Multinomial: `images` draws with repetition, all images equally likely. They depend on the arguments only, so that
    all runs on the same images get the same resamples. Raises UserError when there are no images.
    """
    if images < 1 or resamples < 1:
        raise UserError(f"{resamples} resamples of {images} images", "There must be at least one of each.")
    generator = np.random.default_rng(seed)
    drawn = np.empty((resamples, images), dtype=np.int32)
    for row in drawn:
        row[:] = np.bincount(generator.integers(images, size=images), minlength=images)
    return drawn


def resampled_metrics(evidence: Evidence, kind: BoxOrMask, resamples: int = 1000, seed: int = 0) -> NDArray[np.float64]:
    """COMPARED of a run in resamples of its images: float64 [B, M]; NaN where no class of a group is there."""
    weights = draw_images(len(evidence.image_ids), resamples, seed)
    return class_ap(evidence, kind, weights).metrics()
