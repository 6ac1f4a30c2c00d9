"""Means of losses in redrawn seeds and images: what a statistic of several losses at once is bootstrapped from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.total import of_single_runs

Floats = NDArray[np.float64]


def means(runs: Sequence[LossRuns], metric: str) -> Floats:
    """Of each loss over its runs: float64 [L], NaN without a value."""
    return np.array([one.measured(metric).mean() for one in runs])


def seed_moves(runs: Sequence[LossRuns], metric: str, draws: int, rng: np.random.Generator) -> Floats | None:
    """By how much other seeds move the losses' means: float64 [draws, L]. None where a loss has one run.

    The n runs of each loss are drawn with repetition, and the moves stretched by sqrt(n / (n - 1)), by which a
    bootstrap of n runs is too narrow. Where all losses have the same seeds, the same ones are drawn of all, so that
    what a seed does to all of them takes itself out, as it does in the differences of pairs.
    """
    if any(len(one) < 2 for one in runs):
        return None
    paired = all(are_paired(runs[0], one) for one in runs)
    moves = np.empty((draws, len(runs)))
    drawn: NDArray[np.int64] | None = None
    for place, one in enumerate(runs):
        n = len(one)
        if drawn is None or not paired:
            drawn = rng.integers(n, size=(draws, n))
        values = one.ordered().measured(metric)
        moves[:, place] = (values - values.mean())[drawn].mean(axis=1) * (n / (n - 1)) ** 0.5
    return moves


def image_moves(runs: Sequence[LossRuns], metric: str) -> Floats | None:
    """By how much other images move the losses' means, against their mean over the losses: float64 [B, L].

    In the form of the total interval (total.py): the resampled values hold what images do to single runs as well, which
    is in the scatter between seeds already. All moves are shrunk by one factor, so that their variance, summed over the
    losses, is without it, but with that of the seeds at least the images' whole. What images do to all losses moves
    none against another and is left out. A row is NaN where a loss has no value in the resample. None without
    resampled values of all losses, or with fewer than two such rows.
    """
    resampled = [one.ordered().in_resamples(metric) for one in runs]
    known = [one for one in resampled if one is not None]
    if len(known) < len(runs):
        return None
    there: NDArray[np.bool_] = np.isfinite(np.stack([one.mean(axis=0) for one in known])).all(axis=0)
    if there.sum() < 2:
        return None
    paired = all(are_paired(runs[0], one) for one in runs)
    losses = len(runs)
    moved = np.full((len(there), losses), np.nan)
    of_means = np.stack([one[:, there].mean(axis=0) for one in known], axis=1)
    moved[there] = of_means - of_means.mean(axis=0)
    moved -= moved.mean(axis=1, keepdims=True)
    whole = float(np.var(moved[there], axis=0, ddof=1).sum())
    values = [one.ordered().measured(metric)[:, None] for one in runs]
    if paired:  # the same seeds: what one does to all losses is left out
        single = sum(map(of_single_runs, _against_mean([one[:, there] for one in known])))
        seeds = sum(_variance_of_mean(one) for one in _against_mean(values))
    else:
        single = sum(of_single_runs(one[:, there]) for one in known) * (1 - 1 / losses)
        seeds = sum(map(_variance_of_mean, values)) * (1 - 1 / losses)
    part = max(0.0, whole - single, whole - seeds)
    return moved * (part / whole) ** 0.5 if whole else moved


def _against_mean(values: Sequence[Floats]) -> list[Floats]:
    """Of each loss, float64 [S, B]: run by run against the mean over the losses."""
    mean = np.mean(values, axis=0)
    return [one - mean for one in values]


def _variance_of_mean(values: Floats) -> float:
    """values: [S, 1]. 0 where S = 1."""
    return float(np.var(values, ddof=1) / len(values)) if len(values) > 1 else 0.0
