"""A comparison of losses: every pair of them, in every metric, with what images and seeds say about the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.bootstrap import draw_images
from lt_bench.evaluation.comparison.comparison import (
    PLANNED,
    SEEDS,
    Candidate,
    Comparison,
    Measured,
    Options,
    Pair,
    Power,
    Ranking,
)
from lt_bench.evaluation.comparison.intervals import doubts, images_of_classes, widened, widenings
from lt_bench.evaluation.comparison.power import first_step, resolvable, seeds_needed
from lt_bench.evaluation.comparison.ranking import (
    all_pairs,
    groups,
    holm,
    number_of_losses,
    ranks,
)
from lt_bench.evaluation.comparison.resampled_ap import COMPARED, class_ap
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.swap_test import swap_test
from lt_bench.evaluation.comparison.total import Difference, without_intervals

Floats = NDArray[np.float64]


def measure(candidate: Candidate, options: Options) -> Measured:
    """AP of every class and COMPARED of every run, as they are and in the resamples; of these COMPARED is `widened`."""
    images = len(candidate.evidence[0].image_ids)
    weights = np.concatenate(
        (np.ones((1, images), dtype=np.int32), draw_images(images, options.resamples, options.random_seed))
    )
    values, ap, resampled = [], [], []
    factors = widenings(images_of_classes(candidate.evidence[0]), candidate.evidence[0].frequency)
    resampled_ap: Floats = np.zeros((options.resamples, len(candidate.evidence[0].category_ids)))
    for evidence in candidate.evidence:
        found = class_ap(evidence, options.kind, weights)
        metrics = found.metrics()
        values.append(metrics[0])
        resampled.append(widened(metrics[1:], factors))
        ap.append(found.ap[0])
        resampled_ap += found.ap[1:]
    runs = LossRuns(candidate.name, candidate.seeds, np.stack(values), np.stack(resampled))
    return Measured(runs, np.stack(ap), resampled_ap / len(candidate.evidence))


def compare(candidates: Sequence[Candidate], measured: Sequence[Measured], options: Options) -> Comparison:
    """Every pair of `candidates`, all with the same ground truth. measured: what `measure` gave of each."""
    runs = [one.runs for one in measured]
    there = [metric for metric in COMPARED if all(np.isfinite(one.measured(metric)).all() for one in runs)]
    pooled = len(runs) > 2 if options.pooled is None else options.pooled
    truth = candidates[0].evidence[0]
    doubted = doubts(images_of_classes(truth), truth.frequency)
    by_metric = {metric: _by_names(all_pairs(runs, metric, options.confidence, pooled)) for metric in there}
    for metric in doubted.keys() & by_metric.keys():
        by_metric[metric] = _by_names(map(without_intervals, by_metric[metric].values()))
    swapped = {pair: p for pair, p in _swap_tests(candidates, options)}
    corrected = {
        metric: dict(zip(swapped, holm([p[metric] for p in swapped.values()]), strict=True))
        for metric in there
        if metric not in doubted
    }
    pairs = []
    for first, second in combinations(range(len(runs)), 2):
        names = runs[first].name, runs[second].name
        p_images = swapped.get(names, {})
        found = {
            metric: replace(differences[names], p_images=None if metric in doubted else p_images.get(metric))
            for metric, differences in by_metric.items()
        }
        pairs.append(
            Pair(
                first=names[0],
                second=names[1],
                differences=found,
                p_images_holm={metric: p[names] for metric, p in corrected.items() if names in swapped},
                power={
                    metric: _power(found[metric], list(by_metric[metric].values()), options.level, pooled)
                    for metric in PLANNED
                    if metric in found and found[metric].seed_deviation
                },
                p_classes=_test_over_classes(measured[first].ap, measured[second].ap),
            )
        )
    rankings = {
        metric: _ranking(runs, metric, list(differences.values()), options.level, pooled)
        for metric, differences in by_metric.items()
    }
    return Comparison(
        replace(options, pooled=pooled),
        len(truth.image_ids),
        len(truth.category_ids),
        tuple(runs),
        tuple(pairs),
        rankings,
        doubted,
    )


def _by_names(pairs: Iterable[Difference]) -> dict[tuple[str, str], Difference]:
    return {(pair.first, pair.second): pair for pair in pairs}


def _swap_tests(
    candidates: Sequence[Candidate], options: Options
) -> Iterator[tuple[tuple[str, str], dict[str, float]]]:
    """The pairs that are tested: all where it was asked for, else those in which a loss has one run. It needs as many
    runs of one as of the other.
    """
    for first, second in combinations(candidates, 2):
        sizes = len(first.evidence), len(second.evidence)
        asked = min(sizes) == 1 if options.swap_test is None else options.swap_test
        if asked and sizes[0] == sizes[1]:
            yield (
                (first.name, second.name),
                swap_test(first.evidence, second.evidence, options.kind, options.resamples, options.random_seed),
            )


def _ranking(runs: Sequence[LossRuns], metric: str, pairs: Sequence[Difference], level: float, pooled: bool) -> Ranking:
    placed = ranks(runs, metric, pairs, level, pooled)
    if all(pair.images is None for pair in pairs):  # without intervals for other images, there is no such probability
        placed = [replace(one, probability_best=None) for one in placed]
    return Ranking(tuple(placed), tuple(groups(runs, pairs, level)))


def _power(one: Difference, pairs: Sequence[Difference], level: float, pooled: bool) -> Power:
    assert one.seed_deviation is not None
    images = one.image_deviation or 0.0
    level = first_step(level, sum(pair.p is not None for pair in pairs))
    losses = number_of_losses(pairs) if pooled else None
    found = {n: resolvable(n, one.seed_deviation, one.paired, images, level=level, pooled=losses) for n in SEEDS}
    return Power(
        seeds_needed(one.value, one.seed_deviation, one.paired, images, level=level, pooled=losses),
        {n: size for n, size in found.items() if size is not None},
    )


def _test_over_classes(first: Floats, second: Floats) -> float | None:
    """p of the paired t-test over classes that are there, of AP [S, K] averaged over runs."""
    from scipy import stats

    one, other = first.mean(axis=0), second.mean(axis=0)
    there = np.isfinite(one) & np.isfinite(other)
    if there.sum() < 2 or np.ptp(other[there] - one[there]) == 0:
        return None
    return float(stats.ttest_rel(other[there], one[there]).pvalue)
