"""Runs of losses whose true difference is known, with noise from seeds, from images, and from both at once.

A run's metric is a mean over images, so that its distribution is known exactly; whether the bootstrap over images is
right for LVIS AP itself is for benchmarks.calibration to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns

METRIC = COMPARED[0]
IMAGES, RESAMPLES = 200, 300

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """Standard deviations of one run's metric, by where they come from.

    seeds: on all images alike. common: of the seeds' variance, the share that losses with the same seed have in common.
    images: what the validation images do to a loss, whatever the seed. both: what they do to a single run.
    """

    seeds: float
    images: float
    both: float
    common: float = 0.0


class Simulator:
    """Draws data sets of `IMAGES` images and runs on them, the same ones from the same seed."""

    def __init__(self, seed: int) -> None:
        self.weights, rng = _resamples(seed)
        self.rng = deepcopy(rng)

    def losses(
        self,
        noise: Noise,
        truth: Sequence[float],
        seeds: Sequence[Sequence[int]],
        same: bool = False,
        last_scatters: float = 1.0,
    ) -> tuple[list[LossRuns], Floats]:
        """Runs of losses whose means are `truth`, and their means over all seeds on the images drawn: float64 [L].

        seeds: of each loss. same: the images do the same to all of them, as when they are one loss in truth.
        last_scatters: how many times as far as the others' the runs of the last loss scatter between seeds.
        """
        rng = self.rng
        weights = self.weights[rng.integers(len(self.weights))]
        spread = IMAGES**0.5  # of one image, for a mean over images that scatters by 1
        shared = {seed: rng.normal() for seed in sorted({seed for of_one in seeds for seed in of_one})}
        difficulty = rng.normal(0, 3 * noise.images * spread, IMAGES)  # the same for all, so it takes itself out
        one_loss = rng.normal(0, noise.images * spread, IMAGES)
        found, on_these_images = [], []
        for number, (mean, own) in enumerate(zip(truth, seeds, strict=True)):
            of_loss = one_loss if same else rng.normal(0, noise.images * spread, IMAGES)
            by_seed = noise.common**0.5 * np.array([shared[seed] for seed in own])
            by_seed += (1 - noise.common) ** 0.5 * rng.normal(size=len(own))
            by_seed *= last_scatters if number == len(truth) - 1 else 1.0
            per_image = mean + difficulty + of_loss + noise.seeds * by_seed[:, None]
            per_image = per_image + rng.normal(0, noise.both * spread, (len(own), IMAGES))
            resampled = np.einsum(
                "si,bi->sb", per_image, weights
            )  # not by BLAS, whose threads cost more than they save
            found.append(_runs(f"loss {number}", own, per_image.mean(axis=1), resampled))
            on_these_images.append(float((mean + difficulty + of_loss).mean()))
        return found, np.array(on_these_images)


@lru_cache(maxsize=2)  # drawing them takes longer than short simulations
def _resamples(seed: int) -> tuple[list[Floats], np.random.Generator]:
    """Weights of the images, float64 [RESAMPLES, IMAGES] each, and the generator to go on with, which stays unused."""
    rng = np.random.default_rng(seed)
    even = np.full(IMAGES, 1 / IMAGES)
    return [rng.multinomial(IMAGES, even, RESAMPLES) / IMAGES for _ in range(16)], rng


def _runs(name: str, seeds: Sequence[int], values: Floats, resampled: Floats) -> LossRuns:
    """The same numbers for every metric: values [S], resampled [S, B]."""
    shape = (*resampled.shape, len(COMPARED))
    return LossRuns(
        name,
        tuple(seeds),
        np.repeat(values[:, None], len(COMPARED), axis=1),
        np.broadcast_to(resampled[:, :, None], shape),
    )
