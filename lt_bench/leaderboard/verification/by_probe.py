"""A record against the config of a classifier that was trained alone, on stored features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lt_bench.leaderboard.fingerprint import probe_fingerprint
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.by_calibration import by_calibration
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, differences


def by_probe(record: ResultRecord, config: Mapping[str, Any]) -> Iterator[Problem]:
    """What of the record the config denies; its layout: `dumped_config`. Raises KeyError, TypeError, ValueError or
    AttributeError when it is no such config.
    """
    rows = {str(row.id): row.model_dump() for row in record.per_class}
    yield from differences(record.model_dump() | {"per_class": rows}, _stated(record, config))
    loss = config["loss"]
    recorded, given = record.loss.hyper_parameters, loss["hyper_parameters"]
    for name in sorted({*recorded, *given}):
        pair = recorded.get(name, ABSENT), given.get(name, ABSENT)
        yield from differences({name: pair[0]}, {name: pair[1]}, "loss.hyper_parameters.")
    yield from by_calibration(record, config)
    if tuple(loss["non_default"]) != record.loss.non_default:
        yield Problem("loss.non_default", record.loss.non_default, tuple(loss["non_default"]))
    if (overrides := tuple(config.get("overrides", ()))) != record.overrides:
        yield Problem("overrides", record.overrides, overrides)


def _stated(record: ResultRecord, config: Mapping[str, Any]) -> dict[str, Any]:
    """What the config says, in the form of a record."""
    probe, loss = config["probe"], config["loss"]
    features = probe["features"]
    counts = zip(record.per_class, loss["image_count"], loss["instance_count"], strict=False)
    return {
        "fingerprint": probe_fingerprint(config),
        "seed": config["seed"],
        "loss": {"name": loss["loss"]},
        "track": {**probe["track"], "features": features["name"]},
        "init": _init(record, features["checkpoint"][:8]),
        "iterations": probe["schedule"]["steps"],
        "data": {
            "train_annotations": features["train_annotations"],
            "val_annotations": probe["test"]["annotations"],
            "classes": len(loss["image_count"]),
            "train_images": loss["num_images"],
        },
        "per_class": {
            str(row.id): {"image_count": images, "instance_count": instances} for row, images, instances in counts
        },
    }


def _init(record: ResultRecord, weights: str) -> dict[str, str]:
    """The weights behind the features are those of a trained detector."""
    told = weights in record.init.description
    return {"kind": "pretrained", "description": record.init.description if told else f"weights {weights}"}
