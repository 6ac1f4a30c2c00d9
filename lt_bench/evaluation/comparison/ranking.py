"""Several losses at once: all pairs with Holm's correction, shared ranks, groups, and how probably each is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.seeds import Scatter, pooled_scatter, pooled_variance
from lt_bench.evaluation.comparison.total import Difference, difference

LEVEL = 0.05
DRAWS = 20_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rank:
    """rank: 1 + number of losses that are significantly better, so losses that can't be told apart share one; None for
    a loss that could be compared with no other, as it has one run.

    probability_best: that no other loss is better, or None where it can't be estimated. from_images_only: some loss
    has one run, and `probability_best` takes its checkpoint for the loss.
    """

    name: str
    rank: int | None
    mean: float
    probability_best: float | None
    from_images_only: bool


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected by Holm's step-down method (Scandinavian Journal of Statistics 6, 1979), in the order given.

    Reject those at most `level`, and the probability of any false rejection is at most `level`, however they depend on
    each other.
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.sort(np.asarray(p_values, dtype=np.float64)) * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in corrected]


def all_pairs(
    runs: Sequence[LossRuns], metric: str, confidence: float = 0.95, pooled: bool = False
) -> list[Difference]:
    """Every pair of losses in the order given, `p_holm` over the pairs that have a p. Intervals are uncorrected.

    pooled: estimate the variance between seeds once, from all losses, instead of from each pair's own runs. With three
    seeds and many pairs that is what it takes to find anything but huge differences, and it is right only as far as
    seeds move all losses alike: a loss that scatters twice as much as the others is called different too often.
    """
    found = []
    for i, first in enumerate(runs):
        for j in range(i + 1, len(runs)):
            known = _pooled(runs, metric, i, j) if pooled else None
            found.append(difference(first, runs[j], metric, confidence, known=known))
    corrected = iter(holm([pair.p for pair in found if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p_holm=next(corrected)) for pair in found]


def _pooled(runs: Sequence[LossRuns], metric: str, first: int, second: int) -> Scatter | None:
    return pooled_scatter(_values(runs, metric), first, second, _all_paired(runs))


def _values(runs: Sequence[LossRuns], metric: str) -> list[Floats]:
    """Of each loss, float64 [S], by ascending seed."""
    return [one.ordered().measured(metric) for one in runs]


def _all_paired(runs: Sequence[LossRuns]) -> bool:
    return all(are_paired(runs[0], one) for one in runs)


def is_significant(pair: Difference, level: float = LEVEL) -> bool:
    """After Holm's correction. False where p isn't known."""
    return pair.p_holm is not None and pair.p_holm <= level


def ranks(
    runs: Sequence[LossRuns],
    metric: str,
    pairs: Sequence[Difference] | None = None,
    level: float = LEVEL,
    pooled: bool = False,
) -> list[Rank]:
    """One for each loss, the highest mean first; a loss without a value last.

    pairs: from `all_pairs`, if at hand, with the same `pooled`.
    """
    pairs = all_pairs(runs, metric, pooled=pooled) if pairs is None else pairs
    beaten: dict[str, int] = dict.fromkeys(_compared(pairs), 0)
    for pair in pairs:
        if is_significant(pair, level):
            beaten[pair.first if pair.value > 0 else pair.second] += 1
    best = probability_best(runs, metric, pooled)
    means = {one.name: float(one.measured(metric).mean()) for one in runs}
    images_only = any(len(one) < 2 for one in runs)
    placed = {name: 1 + count for name, count in beaten.items()}
    found = [Rank(name, placed.get(name), mean, best.get(name), images_only) for name, mean in means.items()]
    return sorted(found, key=lambda one: (np.isnan(one.mean), -one.mean, one.name))


def _compared(pairs: Sequence[Difference]) -> set[str]:
    """Losses of which at least one difference has a p."""
    return {name for pair in pairs if pair.p is not None for name in (pair.first, pair.second)}


def groups(runs: Sequence[LossRuns], pairs: Sequence[Difference], level: float = LEVEL) -> list[tuple[str, ...]]:
    """The largest sets of losses of which no two differ significantly, in the pairs' metric; a loss may be in several.

    Two losses that are in no common set differ significantly. The best comes first, within a set and among the sets.
    Losses that could be compared with no other are left out. pairs: from `all_pairs`.
    """
    compared = _compared(pairs)
    means = {one.name: float(one.measured(pairs[0].metric).mean()) for one in runs if one.name in compared}
    names = sorted(means, key=lambda name: (-means[name], name))
    alike: dict[str, set[str]] = {name: set(names) - {name} for name in names}
    for pair in pairs:
        if is_significant(pair, level):
            alike[pair.first].discard(pair.second)
            alike[pair.second].discard(pair.first)
    found: list[set[str]] = []
    if names:
        _maximal_cliques(set(), set(names), set(), alike, found)
    place = {name: i for i, name in enumerate(names)}
    return sorted(
        (tuple(sorted(one, key=place.__getitem__)) for one in found), key=lambda one: [place[name] for name in one]
    )


def _maximal_cliques(
    chosen: set[str], candidates: set[str], done: set[str], alike: dict[str, set[str]], found: list[set[str]]
) -> None:
    """Bron and Kerbosch's algorithm with a pivot (Communications of the ACM 16, 1973)."""
    if not candidates and not done:
        found.append(chosen)
        return
    pivot = max(sorted(candidates | done), key=lambda name: len(alike[name] & candidates))
    for name in sorted(candidates - alike[pivot]):
        _maximal_cliques(chosen | {name}, candidates & alike[name], done & alike[name], alike, found)
        candidates = candidates - {name}
        done = done | {name}


def probability_best(
    runs: Sequence[LossRuns], metric: str, pooled: bool = False, draws: int = DRAWS, seed: int = 0
) -> dict[str, float]:
    """How probably each loss is the best one, by redrawing seeds and images together. Sums to 1.

    In each draw all losses get the same resample of the images, and each loss's mean moves as its seeds allow: its
    runs' deviations from the mean, weighted by chance so that the mean scatters like s / sqrt(n) times Student's t
    with n - 1 degrees of freedom; losses with the same seeds get the same weights, as pairs. (Drawing n runs with
    replacement would scatter too little for small n.) pooled: s is that of all losses, as in `all_pairs`. A loss with
    one run doesn't move with seeds: then it is about checkpoints, and says too much about losses. What images do to
    single runs counts twice, which makes the probabilities more alike than they had to be. Empty where resampled
    values or the metric are missing.
    """
    values = _values(runs, metric)
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
    found = pooled_variance(values, _all_paired(runs))
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
