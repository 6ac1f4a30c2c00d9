"""A run's record, from what the run left in its folder."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lt_bench.api.registry import get_info
from lt_bench.data.dataset import Dataset
from lt_bench.data.exclusion import Excluded, excluded
from lt_bench.data.lvis import LVISFile
from lt_bench.data.notes import on_evaluation
from lt_bench.data.subset import subset
from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import Evaluator
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.metrics import Measured, measure
from lt_bench.evaluation.report import class_rows
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.leaderboard.fingerprint import by_weights, images_left, innermost_dataset
from lt_bench.leaderboard.schema import CURRENT, ResultRecord
from lt_bench.leaderboard.schema_run import Device, Memory
from lt_bench.leaderboard.verification.by_seal import by_seal
from lt_bench.run.environment import git_state, versions
from lt_bench.run.experiment import Experiment
from lt_bench.run.folder import RunFolder
from lt_bench.utils.files import sha256_of, write_atomic

LONGEST = 1000  # characters of a text in a record


def make_record(
    folder: RunFolder,
    dataset: Dataset,
    evaluator: Evaluator,
    metrics: Collection[str] = ("ap",),
    earlier: ResultRecord | None = None,
) -> ResultRecord:
    """Evaluate the predictions in a run's folder, write the evidence, and put together the record.

    metrics: what to measure beside LVIS AP, which every record has. earlier: the record that the run has already; its
    evidence stays if it is there. Raises UserError when the folder holds no finished training, or evidence would not
    give what the earlier record says.
    """
    run, training = folder.read_manifest(), folder.read_summary()
    experiment = run.experiment
    if sha256_of(dataset.val.path) != dataset.val.digest:
        raise UserError(f"{dataset.val.path} was changed while this run went on", "give the same command again")
    annotations = evaluated_annotations(folder, dataset, experiment.exclude)
    started = time.perf_counter()
    wanted = earlier is None or not folder.has_evidence(earlier.evidence)
    measured = measure(annotations, folder.predictions, {"ap", *metrics}, experiment.kinds, evaluator, wanted)
    evidence = _written_evidence(folder, measured, earlier)
    seconds = time.perf_counter() - started
    info = get_info(experiment.loss)
    defaults = {name: plain_value(value) for name, value in info.hyper_parameters.items()}
    hyper_parameters = defaults | {name: plain_value(value) for name, value in run.hyper_parameters.items()}
    return ResultRecord.model_validate(
        {
            "loss": {
                "name": info.name,
                "hyper_parameters": hyper_parameters,
                "non_default": non_default(hyper_parameters, defaults),
                "distribution": info.distribution,
                "distribution_version": info.version,
            },
            "track": experiment.track(),
            "fingerprint": run.fingerprint,
            "seed": experiment.seed,
            "init": run.init,
            **measured.blocks(),
            "per_class": class_rows(dataset.train.categories, measured.per_class()),
            "evaluator": evaluators_used(evaluator, measured),
            "training_seconds": training.training_seconds,
            "evaluation_seconds": seconds,
            "iterations": training.iterations,
            "epochs": training.epochs,
            "memory": Memory(
                peak_bytes=training.peak_memory_bytes, kind="cuda" if training.device_kind == "cuda" else "host"
            ),
            "device": Device(name=training.device, count=training.device_count, kind=training.device_kind),
            "versions": versions() | ({"operators": training.operators} if training.operators is not None else {}),
            "git": git_state(),
            "data": {
                "train_annotations": dataset.train.digest,
                "val_annotations": dataset.val.digest,
                "classes": len(dataset.train.categories),
                "train_images": _chosen(folder, _without(dataset.train, excluded(experiment.exclude, "train"))),
                "val_images": _without(dataset.val, excluded(experiment.exclude, "val")),
                "image_files": run.image_files,
            },
            "predictions": measured.evidence.predictions if measured.evidence else sha256_of(folder.predictions),
            "started": run.started,
            "overrides": _overrides(experiment),
            "amp": experiment.amp,
            "notes": [*run.notes, *(note[:LONGEST] for note in on_evaluation(dataset.val)), *measured.warnings()],
            "detections_per_image": run.detections_per_image,
            "skipped_steps": training.skipped_steps or None,
            "evidence": evidence,
        }
    )


def refuse_altered(record: ResultRecord, path: Path) -> None:
    """Raises UserError when the record of a run was changed after it was written: it would be sealed anew with that."""
    if record.schema_version >= 3 and (problems := list(by_seal(record))):
        raise UserError(
            f"{path} was changed after the run wrote it: {', '.join(problem.field for problem in problems)}",
            f"restore it, or move {path.name} away and give the command again: the predictions are evaluated anew",
        )


def extended(earlier: ResultRecord, later: ResultRecord) -> ResultRecord:
    """The earlier record of a run with what was measured of it later; what it said before stays as it was."""
    new = {name: getattr(later, name) for name in later.measured() - earlier.measured()}
    evidence = later.evidence or earlier.evidence
    rows = {row.id: {key: getattr(row, key) for key in row.extensions()} for row in later.per_class}
    per_class = [row.model_dump() | rows[row.id] for row in earlier.per_class]
    notes = [*earlier.notes, *(note for note in later.notes if note not in earlier.notes)]
    if new and later.evaluator != earlier.evaluator:
        notes.append(f"{', '.join(sorted(new))} measured later by {later.evaluator}")
    fields = earlier.model_dump() | new
    return ResultRecord.model_validate(
        fields | {"per_class": per_class, "notes": notes, "evidence": evidence, "schema_version": CURRENT, "seal": None}
    )


def _written_evidence(folder: RunFolder, measured: Measured, earlier: ResultRecord | None) -> str | None:
    """The digest of the evidence, written to the run's folder, if there is any."""
    if measured.evidence is None:
        return None
    if earlier is not None and (difference := _difference(earlier, measured)):
        raise UserError(
            f"{folder.result} was measured otherwise: {difference}", "the record stays as it is, without evidence"
        )
    return write_evidence(measured.evidence, folder.evidence)


def _difference(earlier: ResultRecord, measured: Measured) -> str:
    """The first number of LVIS AP in which a record differs from what was measured; "" if there is none."""
    for kind, result in measured.found["ap"].results.items():
        recorded = getattr(earlier.metrics, kind).model_dump()
        classes = {row.id: getattr(row, kind) for row in earlier.per_class}
        pairs = [(name, recorded[name], value) for name, value in result.metrics.items()]
        pairs += [(f"AP of category {key}", classes.get(key), value) for key, value in result.per_class.items()]
        for name, before, now in pairs:
            if before != now:
                return f"{kind} {name} is {before} in the record and {now} now"
    return ""


def evaluated_annotations(folder: RunFolder, dataset: Dataset, exclude: Collection[Excluded]) -> Path:
    """The validation annotations without the excluded images: the file itself, or a copy in the run's folder."""
    file = dataset.val
    left_out = excluded(exclude, "val").intersection(file.image_ids)
    if not left_out:
        return file.path
    images = [row for row, image_id in enumerate(file.image_ids) if image_id not in left_out]
    write_atomic(folder.annotations, subset(file, images))
    return folder.annotations


def evaluators_used(asked: Evaluator, measured: Measured) -> str:
    """The evaluator that was asked for, and what another one had to measure because the two differ."""
    others: dict[str, list[str]] = {}
    for name, result in measured.results().items():
        if result.evaluator != asked:
            others.setdefault(f"{result.evaluator} {version(result.evaluator)}", []).append(name)
    notes = "".join(f"; {', '.join(names)} by {other}" for other, names in others.items())
    return f"{asked} {version(asked)}{notes}"


def _without(file: LVISFile, left_out: frozenset[int]) -> int:
    return sum(image_id not in left_out for image_id in file.image_ids)


def _chosen(folder: RunFolder, images: int) -> int:
    """How many of so many training images the config's `indices` leave, where --set gave some."""
    return images_left(innermost_dataset(read_config(folder.config)["train_dataloader"]), images)


def plain_value(value: Any) -> bool | int | float | str:
    """A hyper-parameter as a record holds it: anything but a finite number, a flag or a short text as its repr."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value if isinstance(value, str) and len(value) <= LONGEST else repr(value)[:LONGEST]


def non_default(hyper_parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of those that differ from the loss's defaults, in order."""
    return tuple(sorted(name for name, value in hyper_parameters.items() if value != defaults.get(name)))


def _overrides(experiment: Experiment) -> list[str]:
    """As in the config, but for places on this machine: weights are named by what they are."""
    overrides = sorted(experiment.overrides.items())
    lines = [f"{key}={by_weights(value, key)!r}"[:LONGEST] for key, value in overrides]
    if experiment.max_iters is not None:
        lines.append(f"--max-iters {experiment.max_iters}")
    if experiment.exclude:
        lines.append(f"{len(experiment.exclude)} images left out")
    return lines
