"""Several losses at once: all pairs with Holm's correction, shared ranks and groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lt_bench.evaluation.comparison.probability import probability_best
from lt_bench.evaluation.comparison.runs import LossRuns, are_paired
from lt_bench.evaluation.comparison.seeds import Scatter, pooled_scatter
from lt_bench.evaluation.comparison.total import Difference, difference

LEVEL = 0.05


@dataclass(frozen=True)
class Rank:
    """rank: 1 + number of losses that are significantly better, so losses that can't be told apart share one, and a
    loss with one run, of which nothing is known, may be the first. worst: the other end of the ranks that the loss can
    have, see `rank_ranges`. Both None without a value.

    probability_best: that no other loss is better, or None where it can't be estimated. from_images_only: some loss
    has one run, and `probability_best` takes its checkpoint for the loss.
    """

    name: str
    rank: int | None
    mean: float
    probability_best: float | None
    from_images_only: bool
    worst: int | None


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

    Losses with one run stay out of what is estimated for the others, which may then be paired by seed.
    pooled: estimate the variance between seeds once, from all losses, instead of from each pair's own runs. With three
    seeds and many pairs that is what it takes to find anything but huge differences, and it is right only as far as
    seeds move all losses alike: a loss that scatters twice as much as the others is called different too often.
    """
    several = [one for one in runs if len(one) > 1]
    known = _pooled(several, metric) if pooled else {}
    found = [
        difference(first, second, metric, confidence, known=known.get((first.name, second.name)))
        for first, second in combinations(runs, 2)
    ]
    corrected = iter(holm([pair.p for pair in found if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p_holm=next(corrected)) for pair in found]


def _pooled(runs: Sequence[LossRuns], metric: str) -> dict[tuple[str, str], Scatter | None]:
    paired = all(are_paired(runs[0], one) for one in runs)
    values = [one.ordered().measured(metric) for one in runs]
    return {
        (runs[i].name, runs[j].name): pooled_scatter(values, i, j, paired) for i, j in combinations(range(len(runs)), 2)
    }


def number_of_losses(pairs: Sequence[Difference]) -> int:
    """Of whose seeds anything is known, and so from how many a pooled variance comes."""
    return len({name for pair in pairs if pair.seeds is not None for name in (pair.first, pair.second)})


def is_significant(pair: Difference, level: float = LEVEL) -> bool:
    """After Holm's correction. False where p isn't known."""
    return pair.p_holm is not None and pair.p_holm <= level


def rank_ranges(names: Sequence[str], pairs: Sequence[Difference], level: float = LEVEL) -> dict[str, tuple[int, int]]:
    """The ranks that each loss can have: from 1 + the number of those significantly better, to the number of those not
    significantly worse, itself among them.

    As no pair is falsely called significant with the confidence 1 - level (Holm), the ranks of all losses lie in their
    ranges with that confidence: Mogstad et al., Inference for Ranks, Review of Economic Studies 91 (2024). names: of
    the losses that have a value. pairs: from `all_pairs`.
    """
    first, last = dict.fromkeys(names, 1), dict.fromkeys(names, len(names))
    for pair in pairs:
        if is_significant(pair, level):
            better, worse = (pair.second, pair.first) if pair.value > 0 else (pair.first, pair.second)
            first[worse] += 1
            last[better] -= 1
    return {name: (first[name], last[name]) for name in names}


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
    means = {one.name: float(one.measured(metric).mean()) for one in runs}
    ranges = rank_ranges([name for name, mean in means.items() if np.isfinite(mean)], pairs, level)
    best = probability_best(runs, metric, pooled)
    images_only = any(len(one) < 2 for one in runs)
    found = []
    for name, mean in means.items():
        first, last = ranges.get(name, (None, None))
        found.append(Rank(name, first, mean, best.get(name), images_only, last))
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
