"""Calibrations of a detector that is trained: their folders, and their records where its run is finished."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.api.calibration import Base, Calibration
from lt_bench.api.calibrations import (
    Asked,
    block_of,
    build_calibration,
    calibration_info,
    load_calibration,
    refuse_classifier,
)
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.registry import build_loss
from lt_bench.data.cache import cache_folder
from lt_bench.data.fractal_dimension import of_file
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.metrics import Measured
from lt_bench.evaluation.report import write_per_class
from lt_bench.leaderboard.fingerprint import box_heads, innermost_dataset
from lt_bench.leaderboard.schema import CURRENT, ResultRecord
from lt_bench.leaderboard.store import read, write
from lt_bench.run.environment import git_state, versions
from lt_bench.run.folder import RunFolder
from lt_bench.run.record import evaluators_used, plain_value, refuse_altered
from lt_bench.utils.files import write_atomic

if TYPE_CHECKING:
    from torch import nn

    from lt_bench.evaluation.ap.average_precision import Evaluator

FOLDER = "calibrated"  # in that of a run, holds a folder for each calibration


@dataclass(frozen=True)
class Calibrated:
    """A calibration of a checkpoint. block: what configs say of it. folder: of its predictions and its record."""

    asked: Asked
    block: Mapping[str, Any]
    folder: Path


def calibrated_in(folder: Path, asked: Sequence[Asked]) -> list[Calibrated]:
    """What was asked for, each with its own folder below `folder`."""
    found = []
    for one in asked:
        defaults = {name: plain_value(value) for name, value in calibration_info(one.name).hyper_parameters.items()}
        block = block_of(one, defaults)
        digest = hashlib.sha256(json.dumps(block, sort_keys=True).encode()).hexdigest()
        found.append(Calibrated(one, block, folder / f"{one.name}_{digest[:12]}"))
    return found


def build(asked: Sequence[Calibrated], roi_head: Any, config: Mapping[str, Any]) -> dict[Path, Calibration]:
    """The calibrations of a detector by their folders. config: of its run, with the training annotations.

    Raises UserError for one that is not defined for its loss or its classifier, or that its annotations are missing
    for.
    """
    heads = roi_head.bbox_head
    every = list(heads) if hasattr(heads, "__iter__") else [heads]
    if not all(hasattr(head.loss_cls, "calibrated") for head in every):
        raise UserError("the detector's loss is none of lt_bench's", "calibrate the checkpoint of a run")
    adapter, dimension = every[-1].loss_cls, None
    for one in asked:
        cls = load_calibration(one.asked.name)
        for head in every:
            refuse_classifier(one.asked.name, cls, type(head.fc_cls).__name__)
        if "fractal_dimension" in cls.needs and dimension is None:
            path = Path(innermost_dataset(config["train_dataloader"])["ann_file"])
            dimension = of_file(load(path, cache_folder(), complete=False, masks=False)).tolist()
    base = Base(adapter.name, adapter.loss.activation, adapter.loss.stats, dimension)
    return {one.folder: _on_device(build_calibration(one.asked, base), every[-1]) for one in asked}


def _on_device(calibration: Calibration, head: nn.Module) -> Calibration:
    return calibration.to(next(head.parameters()).device)


def refuse_undefined(asked: Sequence[Asked], config: Mapping[str, Any]) -> None:
    """Raises UserError for a calibration that is not defined for the loss or the classifier of a run's config."""
    head = box_heads(config)[-1]
    block = head["loss_cls"]
    stats = ClassStats(block["image_count"], block["instance_count"], block["num_images"])
    loss = build_loss(block["loss"], stats, **block["hyper_parameters"])
    for one in asked:
        cls = load_calibration(one.name)
        refuse_classifier(one.name, cls, (head.get("cls_predictor_cfg") or {"type": "Linear"})["type"])
        assumed = (
            [1.0] * stats.num_classes if "fractal_dimension" in cls.needs else None
        )  # not known before it's needed
        build_calibration(one, Base(block["loss"], loss.activation, stats, assumed))


def finished(one: Calibrated) -> bool:
    """Whether its record is there, with its evidence. Raises UserError for one that was changed by hand."""
    folder = RunFolder(one.folder)
    if not folder.result.is_file():
        return False
    record = read(folder.result)
    refuse_altered(record, folder.result)
    return folder.has_evidence(record.evidence)


def run_of(checkpoint: Path) -> RunFolder | None:
    """The folder of the finished run whose last checkpoint this is; None for any other checkpoint."""
    folder = RunFolder(checkpoint.resolve().parent)
    last = folder.last_checkpoint()
    finished = folder.result.is_file() and folder.config.is_file() and last is not None
    return folder if finished and last is not None and last.resolve() == checkpoint.resolve() else None


def write_record(
    one: Calibrated, run: RunFolder, measured: Measured, evaluator: Evaluator, seconds: float
) -> ResultRecord:
    """Write the record of a calibration, with what belongs to it, into its folder.

    run: that trained the detector, finished. measured: of the calibrated predictions, with evidence. All that is said
    of training is what the run's own record says. Raises UserError when that was changed by hand.
    """
    assert measured.evidence is not None
    folder, own, info = RunFolder(one.folder), read(run.result), calibration_info(one.asked.name)
    refuse_altered(own, run.result)
    rows = {row.id: row.model_dump(include={"id", "name", "frequency", "image_count", "instance_count"})
            for row in own.per_class}  # fmt: skip
    for column, values in measured.per_class().items():
        for category, value in values.items():
            rows[category][column] = value
    kept = own.model_dump(exclude={"metrics", "ap_fixed", "ap_boundary", "errors", "seal"})
    record = ResultRecord.model_validate(
        kept
        | measured.blocks()
        | {
            "schema_version": CURRENT,
            "per_class": list(rows.values()),
            "calibration": {
                **one.block,
                "distribution": info.distribution,
                "distribution_version": info.version,
            },
            "evaluator": evaluators_used(evaluator, measured),
            "evaluation_seconds": seconds,
            "versions": versions() | {key: own.versions[key] for key in ("operators",) if key in own.versions},
            "git": git_state(),
            "predictions": measured.evidence.predictions,
            "evidence": write_evidence(measured.evidence, folder.evidence),
            "started": datetime.now(timezone.utc),
        }
    )
    if run.annotations.is_file():  # without the images that were left out
        shutil.copyfile(run.annotations, folder.annotations)
    write_per_class(folder.per_class, (row.model_dump() for row in record.per_class))
    stated = f"calibration = {dict(one.block)!r}\n"
    write_atomic(folder.config, [run.config.read_bytes().rstrip(b"\n") + b"\n" + stated.encode()])
    write(record, folder.result)
    return record
