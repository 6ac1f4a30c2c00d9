"""A record against the other files of its run: AP by class as CSV, and what the run noted of itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.schema_run import schedule_of
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, differences, unreadable

FURTHER = "further cells"  # of a row of the CSV that has more than its header


def by_per_class(record: ResultRecord, path: Path) -> Iterator[Problem]:
    """Whether the CSV shows what the record says of each class. recorded: the record, found: the CSV."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, restkey=FURTHER, restval=ABSENT)
            rows, columns = list(reader), list(reader.fieldnames or ())
    except (OSError, ValueError, csv.Error) as error:
        yield unreadable("AP by class", path, str(error))
        return
    recorded = [{name: _cell(value) for name, value in row.model_dump().items()} for row in record.per_class]
    if len(rows) != len(recorded):
        yield Problem("per_class", f"{len(recorded)} classes", f"{len(rows)} rows in {path.name}")
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        yield Problem(f"per_class.{name}", "one column", f"{columns.count(name)} columns in {path.name}")
    for own, found in zip(recorded, rows, strict=False):
        for name in sorted({*own, *found}):
            values = own.get(name, ABSENT), found.get(name, ABSENT)
            if values[0] != values[1]:
                yield Problem(f"per_class.{own['id']}.{name}", *values)


def _cell(value: Any) -> str:
    """As in the CSV: empty where there is no ground truth."""
    return "" if isinstance(value, float) and value < 0 else str(value)


def by_manifest(record: ResultRecord, path: Path) -> Iterator[Problem]:
    """Against run.json, which says what the run was before it began."""
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        experiment = run["experiment"]
        found: dict[str, Any] = {
            "fingerprint": run["fingerprint"],
            "seed": experiment["seed"],
            "amp": experiment["amp"],
            "init": run["init"],
            "track": {name: experiment[name] for name in type(record.track).model_fields if name != "features"},
            "loss": {"name": experiment["loss"]},
            "started": datetime.fromisoformat(run["started"]),
            "detections_per_image": run.get("detections_per_image"),
        }
        source = f"{record.loss.distribution} {record.loss.distribution_version}"
        if run["distribution"] != source:
            yield Problem("loss.distribution", source, run["distribution"])
        for note in run["notes"]:
            if note not in record.notes:
                yield Problem("notes", record.notes, note)
        own = record.model_dump() | {"detections_per_image": record.detections_per_image}
        found["track"]["schedule"] = schedule_of(experiment["schedule"], experiment.get("trained"))
        own["track"]["features"] = record.track.features
        found["track"]["features"] = experiment.get("features")
        yield from differences(own, found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield _unreadable(path, error)


def by_summary(record: ResultRecord, path: Path) -> Iterator[Problem]:
    """Against training.json, which says how the training went."""
    try:
        training: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, Any] = {
            **{name: training[name] for name in ("training_seconds", "iterations", "epochs")},
            "memory": {"peak_bytes": training["peak_memory_bytes"]},
            "device": {
                "name": training["device"],
                "kind": training["device_kind"],
                "count": training["device_count"],
            },
        }
        if training.get("operators") is not None:
            found["versions"] = {"operators": training["operators"]}
        yield from differences(record.model_dump(), found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield _unreadable(path, error)


def _unreadable(path: Path, error: Exception) -> Problem:
    return unreadable(path.name, path, f"can't be read: {type(error).__name__}: {error}")
