"""The record of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from lt_bench.api.calibrations import calibration_info
from lt_bench.api.registry import get_info
from lt_bench.evaluation.metrics import Measured
from lt_bench.evaluation.report import class_rows
from lt_bench.leaderboard.fingerprint import probe_fingerprint
from lt_bench.leaderboard.schema import PROBE, ResultRecord
from lt_bench.operators import in_use
from lt_bench.probe.plan import ProbeRun
from lt_bench.run.environment import git_state, versions
from lt_bench.run.record import evaluators_used

if TYPE_CHECKING:
    from lt_bench.features.manifest import Manifest


@dataclass(frozen=True)
class Training:
    """How it went. peak_memory_bytes: of the process, or on the GPU."""

    seconds: float
    steps: int
    epochs: int
    peak_memory_bytes: int
    device: str
    device_kind: Literal["cpu", "cuda"]


def make_record(
    run: ProbeRun,
    manifest: Manifest,
    training: Training,
    measured: Measured,
    evidence: str,
    evaluation_seconds: float,
    started: datetime,
) -> ResultRecord:
    """Put it together. evidence: SHA-256 of the evidence's file."""
    assert measured.evidence is not None
    probe, loss, info = run.config["probe"], run.config["loss"], get_info(run.loss)
    features = probe["features"]
    categories = [
        {**category.model_dump(), "image_count": images, "instance_count": instances}
        for category, images, instances in zip(
            manifest.categories, manifest.image_count, manifest.instance_count, strict=True
        )
    ]
    return ResultRecord.model_validate(
        {
            "loss": {
                "name": info.name,
                "hyper_parameters": loss["hyper_parameters"],
                "non_default": loss["non_default"],
                "distribution": info.distribution,
                "distribution_version": info.version,
            },
            "calibration": _calibration(run),
            "track": {**probe["track"], "schedule": PROBE, "features": features["name"]},
            "fingerprint": probe_fingerprint(run.config),
            "seed": run.seed,
            "init": {"kind": "pretrained", "description": f"checkpoint {features['checkpoint'][:8]}, features stored"},
            **measured.blocks(),
            "per_class": class_rows(categories, measured.per_class()),
            "evaluator": evaluators_used("vernier", measured),
            "training_seconds": training.seconds,
            "evaluation_seconds": evaluation_seconds,
            "iterations": training.steps,
            "epochs": training.epochs,
            "memory": {
                "peak_bytes": training.peak_memory_bytes,
                "kind": "cuda" if training.device_kind == "cuda" else "host",
            },
            "device": {"name": training.device, "count": 1, "kind": training.device_kind},
            "versions": versions() | {"operators": str(in_use())},
            "git": git_state(),
            "data": {
                "train_annotations": features["train_annotations"],
                "val_annotations": probe["test"]["annotations"],
                "classes": manifest.num_classes,
                "train_images": manifest.num_images,
                "val_images": len(measured.evidence.image_ids),
            },
            "predictions": measured.evidence.predictions,
            "started": started,
            "overrides": run.config["overrides"],
            "notes": [*run.notes, *measured.warnings()],
            "evidence": evidence,
        }
    )


def _calibration(run: ProbeRun) -> dict[str, Any] | None:
    if run.calibration is None:
        return None
    info = calibration_info(run.calibration["name"])
    return {**run.calibration, "distribution": info.distribution, "distribution_version": info.version}
