"""Mean and spread of runs that differ in their seed alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from lt_bench.evaluation.terms import KINDS, BoxOrMask
from lt_bench.leaderboard.results import numbers, present
from lt_bench.leaderboard.schema import ResultRecord


@dataclass(frozen=True)
class Spread:
    """Over n runs, in [0, 1]. mean: None without a run. deviation: of the sample (ddof 1), None with fewer than two."""

    mean: float | None
    deviation: float | None
    n: int


def over_seeds(records: Sequence[ResultRecord]) -> dict[tuple[BoxOrMask, str], Spread]:
    """(kind, metric) -> its spread over the runs that have it, metrics in the order of `results.numbers`."""
    values: dict[tuple[BoxOrMask, str], list[float]] = {}
    for record in records:
        for number in numbers(record):
            there = values.setdefault((number.kind, number.name), [])
            if not math.isnan(value := present(number)):
                there.append(value)
    return {key: _spread(there) for key, there in values.items()}


def seeds_table(records: Sequence[ResultRecord]) -> str:
    """Mean, standard deviation and n of each metric, in percent, as text for a terminal."""
    spreads = over_seeds(records)
    names = list(dict.fromkeys(name for _, name in spreads))
    kinds = [kind for kind in KINDS if any(kind in record.kinds for record in records)]
    headers = ["in %", *(f"{KINDS[kind]} {what}" for kind in kinds for what in ("mean", "sd", "n"))]
    rows = [[name, *(cell for kind in kinds for cell in _cells(spreads.get((kind, name))))] for name in names]
    alignment = ("left", *["right"] * (len(headers) - 1))
    return str(tabulate(rows, headers=headers, disable_numparse=True, colalign=alignment))


def _spread(values: Sequence[float]) -> Spread:
    return Spread(
        statistics.fmean(values) if values else None,
        statistics.stdev(values) if len(values) > 1 else None,
        len(values),
    )


def _cells(spread: Spread | None) -> tuple[str, str, str]:
    if spread is None:
        return "", "", ""  # the metric is not of boxes
    mean, deviation = ("-" if value is None else f"{100 * value:.2f}" for value in (spread.mean, spread.deviation))
    return mean, deviation, str(spread.n)
