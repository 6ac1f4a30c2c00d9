"""Tables from runs. One table holds only runs that differ in nothing but the loss and the seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lt_bench.evaluation import metrics as registry
from lt_bench.evaluation.metrics.ap import AP
from lt_bench.evaluation.metrics.metric import Metric
from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard import cells
from lt_bench.leaderboard.rows import BASELINE, Row, Run, in_tables, values
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.standing import Standing, standing

DELTA = f"Δ vs {BASELINE} (95 %)"


@dataclass(frozen=True)
class Table:
    """rows: a loss each, best main AP first: of masks, or of boxes where its records have no masks. standing: what can
    be said of their differences. frame: the same rows, cells formatted and escaped. further: the same of other metrics
    than LVIS AP by their names, where a record has them, with as many seeds as have them.
    """

    rows: tuple[Row, ...]
    standing: Standing
    frame: pd.DataFrame
    further: Mapping[str, pd.DataFrame]

    @property
    def kind(self) -> BoxOrMask:
        """What its main AP is of."""
        return self.rows[0].kind

    @property
    def decoupled(self) -> bool:
        """Whether the classifier alone was trained."""
        return self.rows[0].records[0].track.features is not None

    @property
    def elsewhere(self) -> bool:
        """Whether the predictions were made elsewhere."""
        return self.rows[0].records[0].elsewhere is not None

    @property
    def records(self) -> tuple[ResultRecord, ...]:
        return tuple(record for row in self.rows for record in row.records)


def tables(runs: Iterable[Run]) -> tuple[list[Table], list[str]]:
    """One table per track, fingerprint, data, initialisation and kinds measured, ordered by these, and which runs were
    left out.
    """
    groups, problems = in_tables(runs)
    return [_table(rows) for rows in groups], problems


def _table(rows: Sequence[Row]) -> Table:
    found = standing(rows)
    frame = pd.DataFrame(
        {
            "rank": found.ranks[index].text(),
            "loss": row.label,
            "seeds": cells.number_of_runs(len(row.runs)),
            **_cells(AP, row.records),
            DELTA: found.differences[index].text(),
            "evidence": _evidence(row),
            "training": _training(row),
            "memory": cells.memory(row.records),
        }
        for index, row in enumerate(rows)
    )
    further = {metric.name: pd.DataFrame(_further(rows, metric)) for metric in registry.METRICS if metric is not AP}
    return Table(tuple(rows), found, frame, {name: made for name, made in further.items() if len(made)})


def _further(rows: Iterable[Row], metric: Metric) -> Iterator[dict[str, str]]:
    """The rows of each loss that has a run with the metric."""
    for row in rows:
        runs = [run for run in row.records if metric.name in run.measured()]
        if not runs:
            continue
        first = {"loss": row.label, "seeds": cells.number_of_runs(len(runs))}
        if not metric.groups:
            yield {**first, **_cells(metric, runs)}
        for label, group in metric.groups.items():
            yield {**first, "classes": label, **_cells(metric, runs, (row.kind, group))}


def _cells(metric: Metric, runs: Sequence[ResultRecord], group: tuple[str, ...] = ()) -> dict[str, str]:
    return {
        column.name: cells.mean_and_deviation(
            values(runs, (metric.record_field, *group, *column.path), column.difference)
        )
        for column in metric.columns(runs[0].kinds)
    }


def _training(row: Row) -> str:
    """The mean duration, and how many optimizer steps of all runs were skipped, if any were."""
    duration = cells.duration(sum(run.training_seconds for run in row.records) / len(row.records))
    skipped = sum(run.skipped_steps or 0 for run in row.records)
    steps = sum(run.iterations for run in row.records)
    return f"{duration}; {skipped:,} of {steps:,} steps skipped (not finite)" if skipped else duration


def _evidence(row: Row) -> str:
    if not row.verified:
        return "unverified"
    return "verified" if row.verified == len(row.runs) else f"{row.verified} of {len(row.runs)} verified"
