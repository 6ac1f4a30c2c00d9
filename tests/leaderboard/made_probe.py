"""The config of a made-up classifier that was trained alone."""

from __future__ import annotations

from typing import Any

from record_values import FEATURES

from lt_bench.leaderboard.schema import ResultRecord


def probe_config(record: ResultRecord) -> dict[str, Any]:
    """As the run of `record` would have left it, but for the record's fingerprint."""
    track, data, loss = record.track, record.data, record.loss
    return {
        "probe": {
            "track": {name: getattr(track, name) for name in ("dataset", "detector", "backbone", "recipe")},
            "features": {
                "name": FEATURES,
                "checkpoint": "0123abcd" + "0" * 56,
                "train_annotations": data.train_annotations,
                "val_annotations": data.val_annotations,
                "arrays": "5" * 64,
            },
            "classifier": {"type": "NormedLinear", "temperature": 20},
            "sampler": {"images": 16, "rois": 32, "repeat_threshold": 0.033},
            "optimizer": {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4, "clip": 5.0},
            "schedule": {"steps": record.iterations, "milestones": (1333, 1833)},
            "test": {"annotations": data.val_annotations, "per_image": 300},
        },
        "loss": {
            "loss": loss.name,
            "hyper_parameters": dict(loss.hyper_parameters),
            "non_default": list(loss.non_default),
            "image_count": [row.image_count for row in record.per_class],
            "instance_count": [row.instance_count for row in record.per_class],
            "num_images": data.train_images,
        },
        "seed": record.seed,
        "overrides": list(record.overrides),
    }
