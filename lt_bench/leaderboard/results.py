"""Records as a tidy table: `lt_bench.load_results`."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from lt_bench.errors import UserError
from lt_bench.evaluation.terms import AP_NAMES, ERRORS, GROUPS, BoxOrMask
from lt_bench.leaderboard.find import find_records
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.schema_metrics import ClassResult
from lt_bench.leaderboard.schema_run import Method
from lt_bench.leaderboard.store import read
from lt_bench.leaderboard.verification.problem import printable

RUN_COLUMNS = (
    *("dataset", "detector", "backbone", "schedule", "recipe", "features"),
    *("loss", "hyper_parameters", "distribution", "calibration", "seed"),
)
CLASS_COLUMNS = ("class_id", "class_name", "frequency", "image_count", "instance_count")
VALUE_COLUMNS = ("kind", "metric", "value")
SOURCE_COLUMNS = (
    *("fingerprint", "init", "amp", "train_images", "val_images", "iterations", "elsewhere"),
    *("evidence", "started", "path"),
)


class Number(NamedTuple):
    """One of a record's numbers, as the record holds it. name: of the metric."""

    kind: BoxOrMask
    name: str
    value: float


def load_results(folder: str | Path, per_class: bool = False) -> pd.DataFrame:
    """Read every record below `folder` into a table with a row for each run and metric.

    Args:
        folder: For example `leaderboards/results`, or a folder with the folders of runs, whose records are their
            result.json. A record that lies there twice is read once.
        per_class: Give the AP of every class instead of the metrics over all classes.

    Returns:
        In the order of the records' paths, the columns

        - dataset, detector, backbone, schedule, recipe: the track; features: of a classifier that was trained alone,
          the name of its stored features, else None.
        - loss; hyper_parameters: those that are not at their defaults, as "name=value, ..."; distribution: the package
          that brought the loss, and its version; calibration: with all its hyper-parameters, else None; seed.
        - kind: "bbox" or, where masks were measured, "segm"; metric: AP, AP50, AP75, APs, APm, APl, APr, APc, APf, AR,
          and where it was measured the same with "_fixed" (AP_fixed) and, of masks, "_boundary" (boundary AP), and
          what each kind of error costs (dAP50_classification_all and so on, with AP50_all; all, r, c and f are groups
          of classes).
        - value: in [0, 1], NaN where there is no ground truth. A dAP50 is a difference, in [-1, 1].
        - fingerprint, init ("pretrained", "random" or "unknown"), amp, train_images, val_images: only runs in which
          these are equal are comparable; iterations.
        - elsewhere: whether the predictions were made elsewhere; what is not known of them then is "unknown" or 0.
        - evidence: sha256 of the run's evidence, None without; started: UTC; path: of the record.

        With `per_class` there are also class_id, class_name, frequency (r, c or f), and image_count and instance_count
        in the training set, and metric is AP, AP_fixed or AP_boundary.

    Raises:
        UserError: There is no such folder.

    Warns:
        UserWarning: For each file below it that is no valid record, and each run that is not finished: left out.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", "name one that holds records, such as leaderboards/results")
    found = find_records(folder)
    problems = [*found.problems, *(f"{run}: the run is not finished" for run in found.unfinished)]
    unique: dict[str, tuple[Path, ResultRecord]] = {}
    for path in found.records:
        try:
            record = read(path)
        except UserError as error:
            problems.append(error.message)
        else:
            unique.setdefault(record.model_dump_json(), (path, record))
    for problem in problems:
        warnings.warn(f"left out: {printable(problem)}", stacklevel=2)
    rows = [row for path, record in unique.values() for row in _rows(path, record, per_class)]
    columns = (*RUN_COLUMNS, *(CLASS_COLUMNS if per_class else ()), *VALUE_COLUMNS, *SOURCE_COLUMNS)
    frame = pd.DataFrame(rows, columns=list(columns))
    frame["started"] = pd.to_datetime(frame["started"], utc=True)
    return frame.astype({"value": "float64", "seed": "int64"})


def numbers(record: ResultRecord) -> Iterator[Number]:
    """All that a record measured over its classes, -1 where there is no ground truth; boxes and any masks in turn."""
    for kind in record.kinds:
        blocks = {"": getattr(record.metrics, kind)}
        if record.ap_fixed is not None:
            blocks["_fixed"] = getattr(record.ap_fixed, kind)
        if record.ap_boundary is not None and kind == "segm":
            blocks["_boundary"] = record.ap_boundary
        for suffix, block in blocks.items():
            yield from (Number(kind, name + suffix, getattr(block, name)) for name in AP_NAMES)
        if record.errors is not None:
            for group in GROUPS:
                errors = getattr(getattr(record.errors, kind), group)
                yield Number(kind, f"AP50_{group}", errors.AP50)
                yield from (Number(kind, f"dAP50_{error}_{group}", getattr(errors.gain, error)) for error in ERRORS)


def present(number: Number) -> float:
    """The value of a number, NaN where there is no ground truth."""
    return float("nan") if number.value == -1 and not number.name.startswith("dAP50") else number.value


def _class_numbers(row: ClassResult) -> Iterator[Number]:
    found: Iterable[tuple[BoxOrMask, str, float | None]] = (
        ("bbox", "AP", row.bbox),
        ("segm", "AP", row.segm),
        ("bbox", "AP_fixed", row.bbox_fixed),
        ("segm", "AP_fixed", row.segm_fixed),
        ("segm", "AP_boundary", row.boundary),
    )
    yield from (Number(kind, name, value) for kind, name, value in found if value is not None)


def _rows(path: Path, record: ResultRecord, per_class: bool) -> Iterator[dict[str, Any]]:
    run = _run(path, record)
    if not per_class:
        for number in numbers(record):
            yield {**run, "kind": number.kind, "metric": number.name, "value": present(number)}
        return
    for row in record.per_class:
        facts = row.model_dump(include={"frequency", "image_count", "instance_count"})
        of_class = {**run, "class_id": row.id, "class_name": row.name, **facts}
        for number in _class_numbers(row):
            yield {**of_class, "kind": number.kind, "metric": number.name, "value": present(number)}


def _run(path: Path, record: ResultRecord) -> dict[str, Any]:
    loss = record.loss
    return {
        **record.track.model_dump(),
        "features": record.track.features,
        "loss": loss.name,
        "hyper_parameters": ", ".join(f"{name}={loss.hyper_parameters[name]}" for name in sorted(loss.non_default)),
        "distribution": f"{loss.distribution} {loss.distribution_version}",
        "calibration": None if record.calibration is None else _in_words(record.calibration),
        "seed": record.seed,
        "fingerprint": record.fingerprint,
        "init": record.init.kind,
        "amp": record.amp,
        "train_images": record.data.train_images,
        "val_images": record.data.val_images,
        "iterations": record.iterations,
        "elsewhere": record.elsewhere is not None,
        "evidence": getattr(record, "evidence", None),
        "started": record.started,
        "path": str(path),
    }


def _in_words(method: Method) -> str:
    """Such as "norcal (gamma=0.6, method=gamma)"."""
    shown = ", ".join(f"{name}={value}" for name, value in sorted(method.hyper_parameters.items()))
    return f"{method.name} ({shown})" if shown else method.name
