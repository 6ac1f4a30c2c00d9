"""How probably each of several losses is the best one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.seeds import pooled_variance

DRAWS = 20_000

Floats = NDArray[np.float64]


def probability_best(
    runs: Sequence[LossRuns], metric: str, pooled: bool = False, draws: int = DRAWS, seed: int = 0
) -> dict[str, float]:
    """How probably each loss is the best one, by redrawing seeds and images together. Sums to 1.

    In each draw all losses get the same resample of the images, and each loss's mean moves as its seeds allow: its
    runs' deviations from the mean, weighted by chance so that the mean scatters like s / sqrt(n) times Student's t
    with n - 1 degrees of freedom; losses with the same seeds get the same weights, as pairs. (Drawing n runs with
    replacement would scatter too little for small n.) pooled: s is that of all losses, as in
    ranking.all_pairs. A loss with
    one run doesn't move with seeds: then it is about checkpoints, and says too much about losses. What images do to
    single runs counts twice, which makes the probabilities more alike than they had to be. Empty where resampled
    values or the metric are missing.
    """
    values = [one.ordered().measured(metric) for one in runs]
    means = np.array([one.mean() for one in values])
    deviations = _image_deviations(runs, metric)
    if deviations is None or not np.isfinite(means).all():
        return {}
    rng = np.random.default_rng(seed)
    drawn = means + deviations[rng.integers(len(deviations), size=draws)]
    drawn += _pooled_moves(runs, values, draws, rng) if pooled else _moves(runs, values, draws, rng)
    best = drawn == drawn.max(axis=1, keepdims=True)  # equal runs share
    shares = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return {one.name: float(share) for one, share in zip(runs, shares, strict=True)}


def _moves(runs: Sequence[LossRuns], values: Sequence[Floats], draws: int, rng: np.random.Generator) -> Floats:
    """By how much seeds move the losses' means: float64 [draws, L]. Each loss has its own variance."""
    moves = np.zeros((draws, len(runs)))
    weights: dict[frozenset[int], Floats] = {}
    for i, (one, measured) in enumerate(zip(runs, values, strict=True)):
        n = len(one)
        if n < 2:
            continue
        seeds = frozenset(one.seeds)
        if seeds not in weights:
            weights[seeds] = rng.standard_normal((draws, n)) / _chi(n - 1, draws, rng) / np.sqrt(n * (n - 1))
        moves[:, i] = weights[seeds] @ (measured - measured.mean())
    return moves


def _pooled_moves(runs: Sequence[LossRuns], values: Sequence[Floats], draws: int, rng: np.random.Generator) -> Floats:
    """The same, with one variance for all losses."""
    several = [one for one in runs if len(one) > 1]  # as in ranking.all_pairs
    found = pooled_variance(values, all(are_paired(several[0], one) for one in several))
    if found is None:
        return np.zeros((draws, len(runs)))
    variance, df = found
    of_means = np.array([variance / len(one) if len(one) > 1 else 0.0 for one in values])
    return np.asarray(rng.standard_normal((draws, len(runs))) / _chi(df, draws, rng) * np.sqrt(of_means))


def _chi(df: float, draws: int, rng: np.random.Generator) -> Floats:
    """What a standard deviation of 1 is estimated as, with `df` degrees of freedom: float64 [draws, 1]."""
    return np.asarray(np.sqrt(rng.chisquare(df, size=(draws, 1)) / df))


def _image_deviations(runs: Sequence[LossRuns], metric: str) -> Floats | None:
    """float64 [B, L]: of the losses' means in each resample from their mean over the resamples."""
    resampled = [one.in_resamples(metric) for one in runs]
    if not resampled or any(one is None for one in resampled):
        return None
    means = np.stack([one.mean(axis=0) for one in resampled if one is not None], axis=1)
    means = means[np.isfinite(means).all(axis=1)]
    return means - means.mean(axis=0) if len(means) > 1 else None
