"""Tables from records. One table holds only runs that differ in nothing but the loss and the seed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

import pandas as pd

from lt_bench.evaluation import metrics as registry
from lt_bench.evaluation.metrics.ap import AP
from lt_bench.evaluation.metrics.metric import Metric
from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.schema import ResultRecord

OWN = "lt_bench"  # the distribution of the built-in losses
BASELINE = "ce"
ABSENT = "-"


@dataclass(frozen=True)
class Table:
    """records: the runs in it, sorted. frame: a row per loss, best mask AP first, cells formatted and escaped. further:
    the same of other metrics than LVIS AP by their names, where a record has them, with as many seeds as have them.
    """

    records: tuple[ResultRecord, ...]
    frame: pd.DataFrame
    further: Mapping[str, pd.DataFrame]


def tables(records: Iterable[ResultRecord]) -> tuple[list[Table], list[str]]:
    """One table per track, fingerprint, data and initialisation, ordered by these, and which runs were left out."""
    problems: list[str] = []
    unique = _newest(records, problems)
    groups = groupby(sorted(unique, key=_run_key), key=_table_key)
    return [_table(tuple(group)) for _, group in groups], problems


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


def _run_key(record: ResultRecord) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    return _table_key(record), _row_key(record), record.seed


def _newest(records: Iterable[ResultRecord], problems: list[str]) -> list[ResultRecord]:
    """A seed counts once: a repeated run adds no evidence."""
    newest: dict[tuple[tuple[str, ...], tuple[str, ...], int], ResultRecord] = {}
    for record in sorted(records, key=lambda record: (record.started, record.model_dump_json())):
        older = newest.get(_run_key(record))
        if older:
            problems.append(
                f"{older.track.dataset}: {older.loss.name}, seed {older.seed}, started {older.started.isoformat()}: "
                f"left out, since the same run was started again at {record.started.isoformat()}"
            )
        newest[_run_key(record)] = record
    return list(newest.values())


@dataclass(frozen=True)
class _Row:
    """The runs of one loss. ap: their mean mask AP."""

    label: str
    runs: tuple[ResultRecord, ...]
    ap: float


def _table(records: tuple[ResultRecord, ...]) -> Table:
    groups = [tuple(runs) for _, runs in groupby(records, key=_row_key)]
    labels = _labels([runs[0] for runs in groups])
    rows = [_Row(label, runs, _mean_ap(runs)) for label, runs in zip(labels, groups, strict=True)]
    rows.sort(key=lambda row: (math.isnan(row.ap), -row.ap))
    frame = pd.DataFrame(
        {
            "loss": row.label,
            "seeds": str(len(row.runs)),
            **_cells(AP, row.runs),
            f"Δ vs {BASELINE}": _difference(row.ap, _baseline(rows, row)),
            "training": duration(sum(run.training_seconds for run in row.runs) / len(row.runs)),
            "memory": _memory(row.runs),
        }
        for row in rows
    )
    further = {metric.name: pd.DataFrame(_further(rows, metric)) for metric in registry.METRICS if metric is not AP}
    return Table(records, frame, {name: made for name, made in further.items() if len(made)})


def _further(rows: Iterable[_Row], metric: Metric) -> Iterator[dict[str, str]]:
    """The rows of each loss that has a run with the metric."""
    for row in rows:
        runs = [run for run in row.runs if metric.name in run.measured()]
        for group, path in metric.groups.items() if runs else ():
            classes = {"classes": group} if group else {}
            yield {"loss": row.label, "seeds": str(len(runs)), **classes, **_cells(metric, runs, path)}


def _cells(metric: Metric, runs: Sequence[ResultRecord], group: tuple[str, ...] = ()) -> dict[str, str]:
    return {
        column.name: _percent(_values(runs, (metric.record_field, *group, *column.path), column.difference))
        for column in metric.columns
    }


def _values(records: Iterable[ResultRecord], path: Iterable[str], difference: bool = False) -> pd.Series[float]:
    """What the records have at `path`; NaN for -1, which stands for no ground truth, unless it is a difference."""
    values = [float(reduce(getattr, path, record)) for record in records]  # type: ignore[arg-type]
    return pd.Series([value if difference or value >= 0 else math.nan for value in values])


def _mean_ap(records: Iterable[ResultRecord]) -> float:
    return float(_values(records, ("metrics", "segm", "AP")).mean())


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


def _baseline(rows: Iterable[_Row], row: _Row) -> float:
    """The AP of the built-in cross-entropy to compare `row` with: of the same version, else the only one, else NaN."""

    def source(row: _Row) -> tuple[str, str]:
        return row.runs[0].loss.distribution, row.runs[0].loss.distribution_version

    candidates = [other for other in rows if other.runs[0].loss.name == BASELINE and source(other)[0] == OWN]
    chosen = [other for other in candidates if source(other) == source(row)] or candidates
    return chosen[0].ap if len(chosen) == 1 else math.nan


def _percent(values: pd.Series[float]) -> str:
    """Mean and sample standard deviation over the runs."""
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    if math.isnan(mean):
        return ABSENT
    return f"{100 * mean:.2f}" + ("" if math.isnan(deviation) else f" ± {100 * deviation:.2f}")


def _difference(value: float, baseline: float) -> str:
    if math.isnan(value - baseline):
        return ABSENT
    points = round(100 * (value - baseline), 2)
    return f"{points:+.2f}" if points else "0.00"


def duration(seconds: float) -> str:
    """h:mm:ss, rounded to the second."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _memory(records: Sequence[ResultRecord]) -> str:
    peaks: dict[str, int] = {}
    for record in records:
        peaks[record.memory.kind] = max(record.memory.peak_bytes, peaks.get(record.memory.kind, 0))
    return ", ".join(f"{peak / 2**30:.1f} GiB ({kind})" for kind, peak in sorted(peaks.items()))
