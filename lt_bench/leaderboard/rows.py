"""Records put together: runs that differ in the seed alone are a row, rows that differ in the loss alone a table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.schema import ResultRecord

OWN = "lt_bench"  # the distribution of the built-in losses
BASELINE = "ce"


class Run(NamedTuple):
    """evidence: the file that bears the record out, None where there is none that does."""

    record: ResultRecord
    evidence: Path | None = None


@dataclass(frozen=True)
class Row:
    """The runs of one loss with one set of hyper-parameters, by seed. label: its name in the table, escaped."""

    label: str
    runs: tuple[Run, ...]

    @property
    def records(self) -> tuple[ResultRecord, ...]:
        return tuple(run.record for run in self.runs)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(record.seed for record in self.records)

    @property
    def verified(self) -> int:
        """How many of the runs have evidence."""
        return sum(run.evidence is not None for run in self.runs)

    def ap(self) -> float:
        """The mean mask AP; NaN where there is no ground truth."""
        found = values(self.records, ("metrics", "segm", "AP"))
        return math.nan if np.isnan(found).all() else float(np.nanmean(found))


def values(records: Iterable[ResultRecord], path: Iterable[str], difference: bool = False) -> NDArray[np.float64]:
    """What the records have at `path`; NaN for -1, which stands for no ground truth, unless it is a difference."""
    found = [float(reduce(getattr, path, record)) for record in records]  # type: ignore[arg-type]
    return np.array([value if difference or value >= 0 else math.nan for value in found])


def in_tables(runs: Iterable[Run]) -> tuple[list[list[Row]], list[str]]:
    """The rows of each table, best mask AP first, and which runs were left out.

    One table per track, fingerprint, data and initialisation, ordered by these.
    """
    problems: list[str] = []
    unique = sorted(_newest(runs, problems), key=_run_key)
    return [_rows(list(group)) for _, group in groupby(unique, key=lambda run: _table_key(run.record))], problems


def baselines(rows: Sequence[Row]) -> list[int | None]:
    """For each row the place of the built-in cross-entropy to compare it with: of its version, else the only one."""
    sources = [(row.records[0].loss.distribution, row.records[0].loss.distribution_version) for row in rows]
    names = [row.records[0].loss.name for row in rows]
    candidates = [place for place in range(len(rows)) if names[place] == BASELINE and sources[place][0] == OWN]
    found: list[int | None] = []
    for source in sources:
        chosen = [place for place in candidates if sources[place] == source] or candidates
        found.append(chosen[0] if len(chosen) == 1 else None)
    return found


def missing_seeds(rows: Sequence[Row]) -> dict[str, list[int]]:
    """The seeds that a row lacks and another row of the table has, by the rows' labels; complete rows are left out."""
    wanted = {seed for row in rows for seed in row.seeds}
    lacking = {row.label: sorted(wanted.difference(row.seeds)) for row in rows}
    return {label: seeds for label, seeds in lacking.items() if seeds}


def _table_key(record: ResultRecord) -> tuple[str, ...]:
    track, data, init = record.track, record.data, record.init
    return (
        track.dataset,
        track.detector,
        track.backbone,
        track.schedule,
        track.recipe,
        record.fingerprint,
        data.train_annotations,
        data.val_annotations,
        f"{data.train_images} {data.val_images}",  # a run may leave images out
        init.kind,
        str(record.amp),
    )


def _row_key(record: ResultRecord) -> tuple[str, ...]:
    loss = record.loss
    parameters = json.dumps(loss.hyper_parameters, sort_keys=True)
    return loss.name, loss.distribution, loss.distribution_version, parameters


def _run_key(run: Run) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    return _table_key(run.record), _row_key(run.record), run.record.seed


def _newest(runs: Iterable[Run], problems: list[str]) -> list[Run]:
    """A seed counts once: a repeated run adds no evidence."""
    newest: dict[tuple[tuple[str, ...], tuple[str, ...], int], Run] = {}
    for run in sorted(runs, key=lambda run: (run.record.started, run.record.model_dump_json(), str(run.evidence))):
        replaced = newest.get(_run_key(run))
        if replaced:
            older = replaced.record
            problems.append(
                f"{older.track.dataset}: {older.loss.name}, seed {older.seed}, started {older.started.isoformat()}: "
                f"left out, since the same run was started again at {run.record.started.isoformat()}"
            )
        newest[_run_key(run)] = run
    return list(newest.values())


def _rows(runs: Iterable[Run]) -> list[Row]:
    groups = [tuple(group) for _, group in groupby(runs, key=lambda run: _row_key(run.record))]
    labels = _labels([group[0].record for group in groups])
    rows = [Row(label, group) for label, group in zip(labels, groups, strict=True)]
    return sorted(rows, key=lambda row: (math.isnan(row.ap()), -row.ap()))


def _labels(losses: Sequence[ResultRecord]) -> list[str]:
    """A name for every row: the loss, its hyper-parameters that are not at their defaults or differ between rows, and
    where it comes from, unless all built-in losses are of one version and it is one of them.
    """
    own_versions = {record.loss.distribution_version for record in losses if record.loss.distribution == OWN}
    labels = []
    for record in losses:
        loss = record.loss
        siblings = [other.loss.hyper_parameters for other in losses if other.loss.name == loss.name]
        shown = [
            f"{name}={value}"
            for name, value in sorted(loss.hyper_parameters.items())
            if name in loss.non_default or any(_differ(value, other.get(name)) for other in siblings)
        ]
        if loss.distribution != OWN or len(own_versions) > 1:
            shown.append(f"{loss.distribution} {loss.distribution_version}")
        labels.append(escape(loss.name + (f" ({', '.join(shown)})" if shown else "")))
    return labels


def _differ(one: object, other: object) -> bool:
    return (type(one), one) != (type(other), other)
