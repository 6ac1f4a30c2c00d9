"""Records put together: runs that differ in the seed alone are a row, rows that differ in the loss alone a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.terms import BoxOrMask
from lt_bench.leaderboard.comparison import settings
from lt_bench.leaderboard.comparison.settings import loss_key, newest
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.schema import ResultRecord

OWN = "lt_bench"  # the distribution of the built-in losses
BASELINE = "ce"


class Run(NamedTuple):
    """evidence: the file that bears the record out, None where there is none that does. truth: a digest of the images,
    categories and objects that it is about.
    """

    record: ResultRecord
    evidence: Path | None = None
    truth: str | None = None


@dataclass(frozen=True)
class Row:
    """The runs of one loss, or of one with a calibration, with one set of hyper-parameters, by seed. label: its name in
    the table, escaped.
    """

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

    @property
    def kind(self) -> BoxOrMask:
        """What its main AP is of: all its records have masks, or none has."""
        return self.runs[0].record.kind

    def ap(self) -> float:
        """The mean of the main AP; NaN where there is no ground truth."""
        found = values(self.records, ("metrics", self.kind, "AP"))
        return math.nan if np.isnan(found).all() else float(np.nanmean(found))


def values(records: Iterable[ResultRecord], path: Iterable[str], difference: bool = False) -> NDArray[np.float64]:
    """What the records have at `path`; NaN for -1, which stands for no ground truth, unless it is a difference."""
    found = [float(reduce(getattr, path, record)) for record in records]  # type: ignore[arg-type]
    return np.array([value if difference or value >= 0 else math.nan for value in found])


def in_tables(runs: Iterable[Run]) -> tuple[list[list[Row]], list[str]]:
    """The rows of each table, best main AP first, and which runs were left out.

    One table per track, fingerprint, data, initialisation and kinds measured, ordered by these. Evidence that is not of
    the same images and objects as most of its table's is taken from its run, and named as well: nothing follows from
    such a difference.
    """
    runs = sorted(runs, key=lambda run: run.evidence is not None)  # of equal records, the one with evidence stays
    kept, replaced = newest(runs, lambda run: run.record)
    problems = [
        f"{_named(older)}, started {older.started.isoformat()}: left out, since the same run was started again at "
        f"{newer.started.isoformat()}"
        for (older, *_), (newer, *_) in replaced
    ]
    unique = sorted(kept, key=lambda run: (_table_key(run.record), loss_key(run.record), run.record.seed))
    tables = (list(group) for _, group in groupby(unique, key=lambda run: _table_key(run.record)))
    return [_rows(_of_one_truth(table, problems)) for table in tables], problems


def baselines(rows: Sequence[Row]) -> list[int | None]:
    """For each row the place of the built-in cross-entropy to compare it with: of its version, else the only one."""
    sources = [(row.records[0].loss.distribution, row.records[0].loss.distribution_version) for row in rows]
    names = [row.records[0].method for row in rows]
    candidates = [place for place in range(len(rows)) if names[place] == BASELINE and sources[place][0] == OWN]
    found: list[int | None] = []
    for source in sources:
        chosen = [place for place in candidates if sources[place] == source] or candidates
        found.append(chosen[0] if len(chosen) == 1 else None)
    return found


def missing_seeds(rows: Sequence[Row]) -> dict[str, list[int]]:
    """The seeds that a row lacks and another row of the table has, by the rows' labels; complete rows are left out."""
    return settings.missing_seeds({row.label: row.seeds for row in rows})


def _table_key(record: ResultRecord) -> tuple[str, ...]:
    return *settings.setting(record, digits=None).values(), *reversed(record.kinds)


def _named(record: ResultRecord) -> str:
    return f"{record.track.dataset}: {record.method}, seed {record.seed}"


def _of_one_truth(runs: Sequence[Run], problems: list[str]) -> list[Run]:
    """The runs of a table, without the evidence that is not about the same as that of most (of as many: the first)."""
    count = Counter(run.truth for run in runs if run.evidence is not None)
    if len(count) < 2:
        return list(runs)
    ((most, _),) = count.most_common(1)
    others = [run for run in runs if run.evidence is not None and run.truth != most]
    problems += [
        f"{_named(run.record)}: its evidence is left out, since it is not of the images and objects of the others'"
        for run in others
    ]
    return [run._replace(evidence=None) if run in others else run for run in runs]


def _rows(runs: Iterable[Run]) -> list[Row]:
    groups = [tuple(group) for _, group in groupby(runs, key=lambda run: loss_key(run.record))]
    labels = _labels([group[0].record for group in groups])
    rows = [Row(label, group) for label, group in zip(labels, groups, strict=True)]
    return sorted(rows, key=lambda row: (math.isnan(row.ap()), -row.ap()))


def _labels(losses: Sequence[ResultRecord]) -> list[str]:
    """A name for every row: the loss, and its calibration after a plus, each with its hyper-parameters that are not at
    their defaults or differ between rows, and where it comes from, unless all built-in ones are of one version and it
    is one of them.
    """
    every = [method for record in losses for method in settings.methods_of(record)]
    own_versions = {method.distribution_version for method in every if method.distribution == OWN}
    labels = []
    for record in losses:
        parts = []
        for method in settings.methods_of(record):
            shown = settings.telling_parameters(method, every)
            if record.elsewhere is None and (method.distribution != OWN or len(own_versions) > 1):
                shown.append(f"{method.distribution} {method.distribution_version}")
            parts.append(method.name + (f" ({', '.join(shown)})" if shown else ""))
        labels.append(escape(" + ".join(parts)))
    return labels
