"""Ranks and differences of a table's losses, with what seeds and validation images leave open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.intervals import Interval, doubts
from lt_bench.evaluation.comparison.ranking import all_pairs, rank_ranges
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import Difference, without_intervals
from lt_bench.evaluation.comparison.widened_metrics import cached_images, widened_metrics
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.cells import ABSENT, points
from lt_bench.leaderboard.rows import Row, baselines, values

# The same on every machine, or the same records would give other pages. An interval is then known to some 2 % of its
# width, which is why its ends are given to a tenth of a point.
RESAMPLES = 1000
SEED = 0
# The variance between seeds is estimated once from all losses of a table: with three seeds of seven losses it then has
# 12 degrees of freedom, and 2 from a pair alone. docs/calibration_seeds.md shows how many more differences that finds,
# and how often it calls equal losses different where one of them scatters more than the others.
POOLED = True
METRICS = ("AP", "APr")  # of the main kind, that losses are compared in


@dataclass(frozen=True)
class Rank:
    """best, worst: the ranks that a loss can have with 95 % confidence. None: it has no AP."""

    best: int | None
    worst: int | None

    def text(self) -> str:
        if self.best is None:
            return ABSENT
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


@dataclass(frozen=True)
class FromBaseline:
    """How far a loss's main AP is from ce's. difference: None where there is no ce, or for ce itself."""

    difference: Difference | None
    is_baseline: bool = False

    def text(self) -> str:
        """In points: with the total interval, with that of the seeds alone, or saying that none is known."""
        found = self.difference
        if found is None or math.isnan(found.value):
            return points(0.0) if self.is_baseline else ABSENT
        value = points(found.value)
        if found.total is not None:
            return f"{value} {interval_text(found.total)}"
        if found.seeds is not None:
            return f"{value} {interval_text(found.seeds)} (seeds only)"
        if min(found.n_first, found.n_second) < 2:
            return f"{value}, interval unknown ({'n' if found.n_second == 1 else 'n of ce'} = 1)"
        return value


@dataclass(frozen=True)
class Standing:
    """ranks, differences: of each row, by its main AP: of masks, else of boxes. baselines: the place of the ce that
    each row is compared with. pairs: every pair of rows in each of METRICS, named by their places "0", "1", ..., with
    Holm-corrected p if known. doubts: metric -> why no interval of it can be trusted; its pairs have neither intervals
    nor p.
    """

    ranks: tuple[Rank, ...]
    baselines: tuple[int | None, ...]
    differences: tuple[FromBaseline, ...]
    pairs: dict[str, list[Difference]]
    doubts: Mapping[str, str] = field(default_factory=dict)


def standing(rows: Sequence[Row]) -> Standing:
    """What can be said of the rows of a table. Resampled metrics are computed once per evidence file, and kept."""
    runs = [loss_runs(str(place), row, row.kind) for place, row in enumerate(rows)]
    doubted = _doubts(rows, runs)
    pairs = {metric: all_pairs(runs, metric, pooled=POOLED) for metric in METRICS}
    for metric in doubted.keys() & pairs.keys():
        pairs[metric] = [without_intervals(pair) for pair in pairs[metric]]
    places = baselines(rows)
    differences = _from_baselines(runs, places, pairs["AP"])
    return Standing(_ranks(runs, pairs["AP"]), tuple(places), differences, pairs, doubted)


def loss_runs(name: str, row: Row, kind: BoxOrMask) -> LossRuns:
    """A row's COMPARED of boxes or of masks, as numbers. name: what the loss is called in what is computed of them."""
    measured = np.stack([values(row.records, ("metrics", kind, metric)) for metric in COMPARED], axis=1)
    return LossRuns(name, row.seeds, measured, _resampled(row, kind))


def interval_text(interval: Interval) -> str:
    return f"[{points(interval.low)}, {points(interval.high)}]"


def _resampled(row: Row, kind: BoxOrMask) -> NDArray[np.float64] | None:
    """float64 [S, B, M]; None with a run that has no evidence, and for a single run, of which no interval is given."""
    paths = [run.evidence for run in row.runs if run.evidence is not None]
    if len(row.runs) < 2 or len(paths) < len(row.runs):
        return None
    return np.stack([widened_metrics(path, kind, RESAMPLES, SEED) for path in paths])


def _doubts(rows: Sequence[Row], runs: Sequence[LossRuns]) -> dict[str, str]:
    """Of the images that all rows share, where there are intervals for other images at all."""
    for row, one in zip(rows, runs, strict=True):
        if one.resampled is not None and row.runs[0].evidence is not None:
            return doubts(*cached_images(row.runs[0].evidence))
    return {}


def _ranks(runs: Sequence[LossRuns], pairs: Sequence[Difference]) -> tuple[Rank, ...]:
    ranges = rank_ranges([one.name for one in runs if np.isfinite(one.measured("AP").mean())], pairs)
    return tuple(Rank(*ranges.get(one.name, (None, None))) for one in runs)


def _from_baselines(
    runs: Sequence[LossRuns], places: Sequence[int | None], pairs: Sequence[Difference]
) -> tuple[FromBaseline, ...]:
    by_names = {(pair.first, pair.second): pair for pair in pairs}
    by_names |= {(pair.second, pair.first): _turned(pair) for pair in pairs}
    found = []
    for own, base in zip(runs, places, strict=True):
        against = None if base is None else by_names.get((runs[base].name, own.name))
        found.append(FromBaseline(against, is_baseline=base is not None and runs[base] is own))
    return tuple(found)


def _turned(pair: Difference) -> Difference:
    """The same difference, of the first loss from the second."""

    def turned(interval: Interval | None) -> Interval | None:
        return None if interval is None else Interval(-interval.high, -interval.low)

    return replace(
        pair,
        first=pair.second,
        second=pair.first,
        value=-pair.value,
        images=turned(pair.images),
        seeds=turned(pair.seeds),
        total=turned(pair.total),
        n_first=pair.n_second,
        n_second=pair.n_first,
    )
