"""A run's record, from what the run left in its folder."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lt_bench.data.lvis import LVISFile
from lt_bench.errors import UserError
from lt_bench.evaluation.files import file_digest
from lt_bench.evaluation.lvis_ap import evaluate
from lt_bench.leaderboard.records import ResultRecord
from lt_bench.registry import get_info
from lt_bench.source import Source

LONGEST = 1000  # characters of a text in a record
PACKAGES = {
    "lt_bench": "lt_bench",
    "torch": "torch",
    "mmcv": "onedl-mmcv",
    "mmdet": "onedl-mmdetection",
    "mmengine": "onedl-mmengine",
    "numpy": "numpy",
    "vernier": "vernier",
    "lvis": "lvis",
}


def make_record(folder: Path, source: Source, evaluator: str) -> ResultRecord:
    """Evaluate the predictions in a run's folder and put together its record.

    Raises UserError when the folder holds no finished training.
    """
    run, training = _read(folder / "run.json"), _read(folder / "training.json")
    experiment = run["experiment"]
    predictions = folder / "predictions.json"
    annotations = evaluated_annotations(folder, source, experiment["exclude"])
    started = time.perf_counter()
    results = {kind: evaluate(annotations, predictions, kind, evaluator) for kind in ("bbox", "segm")}  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    info = get_info(experiment["loss"])
    defaults = {name: _plain(value) for name, value in info.hyper_parameters.items()}
    hyper_parameters = defaults | {name: _plain(value) for name, value in run["hyper_parameters"].items()}
    excluded = set(experiment["exclude"])
    return ResultRecord.model_validate(
        {
            "loss": {
                "name": info.name,
                "hyper_parameters": hyper_parameters,
                "non_default": sorted(name for name, value in hyper_parameters.items() if value != defaults.get(name)),
                "distribution": info.distribution,
                "distribution_version": info.version,
            },
            "track": {key: experiment[key] for key in ("dataset", "detector", "backbone", "schedule", "recipe")},
            "fingerprint": run["fingerprint"],
            "seed": experiment["seed"],
            "init": run["init"],
            "metrics": {kind: result.metrics for kind, result in results.items()},
            "per_class": _per_class(source.train, {kind: result.per_class for kind, result in results.items()}),
            "evaluator": f"{evaluator} {version(evaluator)}",
            "training_seconds": training["training_seconds"],
            "evaluation_seconds": seconds,
            "iterations": training["iterations"],
            "epochs": training["epochs"],
            "memory": {
                "peak_bytes": training["peak_memory_bytes"],
                "kind": "cuda" if training["device_kind"] == "cuda" else "host",
            },
            "device": {
                "name": training["device"],
                "count": training["device_count"],
                "kind": training["device_kind"],
            },
            "versions": versions(),
            "git": git_state(),
            "data": {
                "train_annotations": source.train.digest,
                "val_annotations": source.val.digest,
                "classes": len(source.train.categories),
                "train_images": _without(source.train, excluded),
                "val_images": _without(source.val, excluded),
            },
            "predictions": file_digest(predictions),
            "started": run["started"],
            "overrides": _overrides(experiment),
            "amp": experiment["amp"],
            "notes": run["notes"],
        }
    )


def evaluated_annotations(folder: Path, source: Source, exclude: list[int]) -> Path:
    """The validation annotations without the excluded images: the file itself, or a copy in the run's folder."""
    from lt_bench.evaluation.files import write_atomic

    left_out = set(exclude) & {image["id"] for image in source.val.images}
    if not left_out:
        return source.val.path
    kept = {
        "images": [image for image in source.val.images if image["id"] not in left_out],
        "annotations": [entry for entry in source.val.annotations if entry["image_id"] not in left_out],
        "categories": source.val.categories,
    }
    path = folder / "annotations_val.json"
    write_atomic(path, [json.dumps(kept).encode()])
    return path


def versions() -> dict[str, str]:
    """Python's version and those of the packages that results depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any] | None:
    """Commit and cleanliness of the checkout that this package runs from; None when it is installed elsewhere."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ("git", *arguments),
                cwd=here,
                env={**os.environ, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(git("status", "--porcelain"))} if commit else None


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}", "the run is not finished: start it again") from error
    return content


def _per_class(train: LVISFile, per_class: Mapping[str, Mapping[int, float]]) -> list[dict[str, Any]]:
    return [
        {
            **{key: category[key] for key in ("id", "name", "frequency", "image_count", "instance_count")},
            **{kind: values[category["id"]] for kind, values in per_class.items()},
        }
        for category in train.categories
    ]


def _without(file: LVISFile, excluded: set[int]) -> int:
    return sum(image["id"] not in excluded for image in file.images)


def _plain(value: Any) -> bool | int | float | str:
    """A hyper-parameter as a record holds it: anything but a finite number, a flag or a short text as its repr."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return value if isinstance(value, str) and len(value) <= LONGEST else repr(value)[:LONGEST]


def _overrides(experiment: Mapping[str, Any]) -> list[str]:
    lines = [f"{key}={value!r}"[:LONGEST] for key, value in sorted(experiment["overrides"].items())]
    if experiment["max_iters"] is not None:
        lines.append(f"--max-iters {experiment['max_iters']}")
    if experiment["exclude"]:
        lines.append(f"{len(experiment['exclude'])} images left out")
    return lines
