"""Tables from records. One table holds only runs that differ in nothing but the loss and the seed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

import pandas as pd

from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.schema import Gains, ResultRecord

OWN = "lt_bench"  # the distribution of the built-in losses
BASELINE = "ce"
ABSENT = "-"
Columns = Mapping[str, tuple[str, ...]]  # column -> where the record has it
METRICS: Columns = {
    "mask AP": ("metrics", "segm", "AP"),
    "APr": ("metrics", "segm", "APr"),
    "APc": ("metrics", "segm", "APc"),
    "APf": ("metrics", "segm", "APf"),
    "AP50": ("metrics", "segm", "AP50"),
    "AP75": ("metrics", "segm", "AP75"),
    "box AP": ("metrics", "bbox", "AP"),
}
FURTHER: dict[str, Columns] = {  # field of the record -> its table, shown where a record has the field
    "ap_fixed": {
        "mask AP_fixed": ("segm", "AP"),
        **{name: ("segm", name) for name in ("APr", "APc", "APf")},
        "box AP_fixed": ("bbox", "AP"),
    },
    "ap_boundary": {"boundary AP": ("AP",), **{name: (name,) for name in ("APr", "APc", "APf", "AP50", "AP75")}},
}
GROUPS = {"all": "all", "r": "rare", "c": "common", "f": "frequent"}


@dataclass(frozen=True)
class Table:
    """records: the runs in it, sorted. frame: a row a loss, best mask AP first, cells formatted and escaped. further:
    the same of the fields in FURTHER and of "errors", where a record has one, with as many seeds as have it.
    """

    records: tuple[ResultRecord, ...]
    frame: pd.DataFrame
    further: Mapping[str, pd.DataFrame]


def tables(records: Iterable[ResultRecord]) -> tuple[list[Table], list[str]]:
    """One table a track, fingerprint, data and initialisation, ordered by these, and which runs were left out."""
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


def _table(records: tuple[ResultRecord, ...]) -> Table:
    keys = sorted({_row_key(record) for record in records})
    members = [[record for record in records if _row_key(record) == key] for key in keys]
    labels = _labels([group[0] for group in members])
    means = [_mean(group, METRICS["mask AP"]) for group in members]
    order = sorted(range(len(keys)), key=lambda row: (math.isnan(means[row]), -means[row]))
    rows = []
    for row in order:
        baseline = _baseline(keys, row)
        rows.append(
            {
                "loss": labels[row],
                "seeds": str(len(members[row])),
                **{name: _percent(members[row], path) for name, path in METRICS.items()},
                f"to {BASELINE}": ABSENT if baseline is None else _difference(means[row], means[baseline]),
                "training": duration(sum(run.training_seconds for run in members[row]) / len(members[row])),
                "memory": _memory(members[row]),
            }
        )
    ordered = [(labels[row], members[row]) for row in order]
    further = {field: _further(ordered, field, columns) for field, columns in FURTHER.items()}
    further["errors"] = _errors(ordered)
    return Table(records, pd.DataFrame(rows), {field: frame for field, frame in further.items() if len(frame)})


def _further(rows: Sequence[tuple[str, Sequence[ResultRecord]]], field: str, columns: Columns) -> pd.DataFrame:
    """A row a loss that has a run with the field."""
    made = []
    for label, group in rows:
        having = [record for record in group if getattr(record, field) is not None]
        if having:
            cells = {name: _percent(having, (field, *path)) for name, path in columns.items()}
            made.append({"loss": label, "seeds": str(len(having)), **cells})
    return pd.DataFrame(made)


def _errors(rows: Sequence[tuple[str, Sequence[ResultRecord]]]) -> pd.DataFrame:
    """A row a loss and frequency group: AP50 of masks, and what every kind of error costs."""
    made = []
    for label, group in rows:
        having = [record for record in group if record.errors is not None]
        for key, name in GROUPS.items() if having else ():
            path = ("errors", "segm", key)
            gains = {kind: _percent(having, (*path, "gain", kind), signed=True) for kind in Gains.model_fields}
            shown = {"loss": label, "seeds": str(len(having)), "classes": name}
            made.append({**shown, "AP50": _percent(having, (*path, "AP50")), **gains})
    return pd.DataFrame(made)


def _values(records: Iterable[ResultRecord], path: Sequence[str], signed: bool) -> pd.Series[float]:
    """What the records have at `path`; NaN for -1, which stands for no ground truth, unless it is a difference."""
    values = [float(reduce(getattr, path, record)) for record in records]  # type: ignore[arg-type]
    return pd.Series([value if signed or value >= 0 else math.nan for value in values])


def _mean(records: Sequence[ResultRecord], path: Sequence[str]) -> float:
    return float(_values(records, path, signed=False).mean())


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


def _baseline(keys: Sequence[tuple[str, ...]], row: int) -> int | None:
    """The row of the built-in cross-entropy to compare `row` with: of the same version, else the only one."""
    candidates = [index for index, key in enumerate(keys) if key[:2] == (BASELINE, OWN)]
    same = [index for index in candidates if keys[index][1:3] == keys[row][1:3]]
    chosen = same or candidates
    return chosen[0] if len(chosen) == 1 else None


def _percent(records: Sequence[ResultRecord], path: Sequence[str], signed: bool = False) -> str:
    """Mean and sample standard deviation over the runs."""
    values = _values(records, path, signed)
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    if pd.isna(mean):
        return ABSENT
    return f"{100 * mean:.2f}" + ("" if pd.isna(deviation) else f" ± {100 * deviation:.2f}")


def _difference(value: float, baseline: float) -> str:
    if pd.isna(value) or pd.isna(baseline):
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
