from __future__ import annotations

import numpy as np

from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns

M = len(COMPARED)


def made(name: str, values: list[float], images: float = 0.0, first_seed: int = 0, resamples: int = 200) -> LossRuns:
    """Runs whose every metric is `values`, and whose resamples scatter by `images`, all runs' alike."""
    measured = np.repeat(np.array(values)[:, None], M, axis=1)
    moved = np.random.default_rng(sum(map(ord, name))).normal(0, images, (1, resamples, 1))
    seeds = tuple(range(first_seed, first_seed + len(values)))
    return LossRuns(name, seeds, measured, measured[:, None] + moved)
