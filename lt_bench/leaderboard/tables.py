"""Tables from records. One table holds only runs that differ in nothing but the loss and the seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from lt_bench.leaderboard.markdown import escape
from lt_bench.leaderboard.records import ResultRecord

OWN = "lt_bench"  # the distribution of the built-in losses
BASELINE = "ce"
ABSENT = "-"
METRICS = {  # column -> where the record has it
    "mask AP": ("segm", "AP"),
    "APr": ("segm", "APr"),
    "APc": ("segm", "APc"),
    "APf": ("segm", "APf"),
    "AP50": ("segm", "AP50"),
    "AP75": ("segm", "AP75"),
    "box AP": ("bbox", "AP"),
}


@dataclass(frozen=True)
class Table:
    """records: the runs in it, sorted. frame: a row a loss, best mask AP first, cells formatted and escaped."""

    records: tuple[ResultRecord, ...]
    frame: pd.DataFrame


def tables(records: Iterable[ResultRecord]) -> tuple[list[Table], list[str]]:
    """One table a track, fingerprint, data and initialisation, ordered by these, and which runs were left out."""
    problems: list[str] = []
    unique = _newest(records, problems)
    groups = groupby(sorted(unique, key=_run_key), key=_table_key)
    return [Table(rows := tuple(group), _frame(rows)) for _, group in groups], problems


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


def _frame(records: Sequence[ResultRecord]) -> pd.DataFrame:
    keys = sorted({_row_key(record) for record in records})
    members = [[record for record in records if _row_key(record) == key] for key in keys]
    runs = pd.DataFrame(
        {
            "row": [keys.index(_row_key(record)) for record in records],
            **{name: [_metric(record, *path) for record in records] for name, path in METRICS.items()},
            "training": [record.training_seconds for record in records],
        }
    ).groupby("row")
    mean, deviation, seeds = runs.mean(), runs.std(ddof=1), runs.size()
    labels = _labels([group[0] for group in members])
    rows = []
    for row in mean.sort_values("mask AP", ascending=False, kind="stable").index:
        baseline = _baseline(keys, row)
        rows.append(
            {
                "loss": labels[row],
                "seeds": str(seeds[row]),
                **{name: _percent(mean.at[row, name], deviation.at[row, name]) for name in METRICS},
                f"to {BASELINE}": ABSENT
                if baseline is None
                else _difference(mean.at[row, "mask AP"], mean.at[baseline, "mask AP"]),
                "training": duration(mean.at[row, "training"]),
                "memory": _memory(members[row]),
            }
        )
    return pd.DataFrame(rows)


def _metric(record: ResultRecord, iou_type: str, name: str) -> float:
    value = float(getattr(getattr(record.metrics, iou_type), name))
    return value if value >= 0 else float("nan")  # -1: no ground truth, so nothing to average


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


def _percent(mean: float, deviation: float) -> str:
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
