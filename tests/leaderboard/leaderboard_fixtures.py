from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from record_values import metrics

from lt_bench.leaderboard import ResultRecord, record_path, write


@pytest.fixture
def make_record() -> Callable[..., ResultRecord]:
    """A valid record. `loss`, `dataset`, `ap` (mask) and any field of the record can be chosen."""

    def make(
        loss: str | dict[str, Any] = "ecm", dataset: str = "made", ap: float = 0.25, **fields: Any
    ) -> ResultRecord:
        own = {"hyper_parameters": {}, "distribution": "lt_bench", "distribution_version": "0.1.0"}
        content: dict[str, Any] = {
            "loss": {**own, **({"name": loss} if isinstance(loss, str) else loss)},
            "track": {
                "dataset": dataset,
                "detector": "mask_rcnn",
                "backbone": "r50",
                "schedule": "1x",
                "recipe": "common",
            },
            "fingerprint": "a" * 64,
            "seed": 0,
            "init": {"kind": "pretrained", "description": "resnet50-0676ba61.pth"},
            "metrics": {"bbox": metrics(0.5), "segm": metrics(0.125, AP=ap)},
            "per_class": [
                {
                    "id": key,
                    "name": f"class {key}",
                    "frequency": frequency,
                    "image_count": 5,
                    "instance_count": 7,
                    "bbox": 0.1,
                    "segm": -1,
                }
                for key, frequency in ((3, "r"), (8, "f"))
            ],
            "evaluator": "vernier 0.5.4",
            "training_seconds": 3661.5,
            "evaluation_seconds": 12.25,
            "iterations": 360,
            "epochs": 12,
            "memory": {"peak_bytes": 3 * 2**30, "kind": "cuda"},
            "device": {"name": "NVIDIA A100", "count": 1, "kind": "cuda"},
            "versions": {"torch": "2.13.0", "python": "3.11.7"},
            "git": {"commit": "0123456789abcdef", "dirty": False},
            "data": {
                "train_annotations": "b" * 64,
                "val_annotations": "c" * 64,
                "classes": 2,
                "train_images": 240,
                "val_images": 100,
            },
            "predictions": "d" * 64,
            "started": datetime(2025, 3, 1, 12, 30, tzinfo=timezone.utc),
        }
        return ResultRecord.model_validate({**content, **fields})

    return make


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., Path]:
    """Store records below tmp_path/results; returns tmp_path."""

    def store(*records: ResultRecord) -> Path:
        for record in records:
            write(record, tmp_path / "results" / record_path(record))
        return tmp_path

    return store
