"""A record against the config of its run: the fingerprint, and what a config states of a record's fields."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lt_bench.errors import UserError
from lt_bench.leaderboard.dumped_config import before_fitting, is_probe, read_config
from lt_bench.leaderboard.fingerprint import box_heads, fingerprint, innermost_dataset
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.schema_run import schedule_of
from lt_bench.leaderboard.starting_weights import init_denied
from lt_bench.leaderboard.verification.by_calibration import by_calibration
from lt_bench.leaderboard.verification.by_overrides import by_overrides, parse_overrides
from lt_bench.leaderboard.verification.by_probe import by_probe
from lt_bench.leaderboard.verification.problem import ABSENT, Problem, differences, unreadable

DETECTORS = {"MaskRCNN": "mask_rcnn", "CascadeRCNN": "cascade_mask_rcnn", "FasterRCNN": "faster_rcnn"}
PARTLY = "PartlyTrained"  # what the type of a detector begins with of which a part is trained
BACKBONES = {  # type, depth, groups and width of a group
    ("ResNet", 50, 1, 4): "r50",
    ("ResNet", 101, 1, 4): "r101",
    ("ResNeXt", 101, 32, 4): "x101_32x4d",
    ("ResNeXt", 101, 64, 4): "x101_64x4d",
}
SCHEDULES = {12: "1x", 24: "2x"}  # epochs


def by_config(record: ResultRecord, path: Path) -> Iterator[Problem]:
    """What of the record the config in `path` denies. The config is read, never run."""
    try:
        config = read_config(path)
        if is_probe(config):
            yield from by_probe(record, config)
            return
        if record.track.features is not None:
            yield Problem("track.features", record.track.features, f"{ABSENT}: the config is of training in full")
        overrides = parse_overrides(record.overrides)
        plain = before_fitting(config, record.device.count, overrides)
        yield from _kinds(record, plain)
        yield from differences(_by_class(record), _stated(record, plain, overrides))
        yield from _hyper_parameters(record, plain)
        yield from by_calibration(record, config)
        yield from _skipped(record, plain)
        yield from by_overrides(record, plain, overrides)
    except UserError as error:
        yield unreadable("config", path, error.message)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        yield unreadable("config", path, f"is no config of a run: {type(error).__name__}: {error}")


def _kinds(record: ResultRecord, config: Mapping[str, Any]) -> Iterator[Problem]:
    """A detector with a mask head is measured by boxes and masks, another one by boxes."""
    has_masks = config["model"]["roi_head"].get("mask_head") is not None
    if has_masks != ("segm" in record.kinds):
        recorded, found = ("measured", "no mask head") if "segm" in record.kinds else (ABSENT, "a mask head")
        yield Problem("metrics.segm", recorded, f"{found} in the config")


def _skipped(record: ResultRecord, config: Mapping[str, Any]) -> Iterator[Problem]:
    """A run leaves out optimizer steps where its config says so."""
    skips = any(hook.get("on_nan") == "skip" for hook in config.get("custom_hooks") or ())
    if record.skipped_steps is not None and not skips:
        yield Problem("skipped_steps", record.skipped_steps, f"{ABSENT}: by the config it would have stopped")


def _stated(record: ResultRecord, config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What the config says, in the form of a record, as far as it says it."""
    train, test = (innermost_dataset(config[f"{name}_dataloader"]) for name in ("train", "test"))
    digests = {train["ann_file"]: record.data.train_annotations, test["ann_file"]: record.data.val_annotations}
    block, loop, seed = box_heads(config)[0]["loss_cls"], config["train_cfg"], config["randomness"]["seed"]
    counts = zip(block["image_count"], block["instance_count"], strict=True)
    rows = {
        str(row.id): {"image_count": images, "instance_count": instances}
        for row, (images, instances) in zip(record.per_class, counts, strict=False)
    }
    found: dict[str, Any] = {
        "fingerprint": fingerprint(config, digests),
        "seed": seed,
        "loss": {"name": block["loss"]},
        "data": {"classes": len(block["image_count"])},
        "per_class": rows,
        "amp": config["optim_wrapper"]["type"] == "AmpOptimWrapper",
        "init": init_denied(config, record.init.description),
        "track": _track(config, overrides),
    }
    if not train.get("exclude") and train.get("indices") is None:
        found["data"]["train_images"] = block["num_images"]
    if record.detections_per_image is not None:
        found["detections_per_image"] = config["model"]["test_cfg"]["rcnn"]["max_per_img"]
    if loop["type"] == "EpochBasedTrainLoop":
        found["epochs"] = loop["max_epochs"]
    elif loop["type"] == "IterBasedTrainLoop":
        found["iterations"] = loop["max_iters"]
    return found


def _by_class(record: ResultRecord) -> dict[str, Any]:
    return record.model_dump() | {"per_class": {str(row.id): row.model_dump() for row in record.per_class}}


def _track(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, str]:
    """What of the track the config's own values give away, unless they were set by hand."""
    model, loop = config["model"], config["train_cfg"]
    backbone, stage2 = model["backbone"], model.get("stage2")
    schedule = SCHEDULES.get(loop.get("max_epochs"))
    if schedule is not None:
        schedule = schedule_of(schedule, None if stage2 is None else stage2["trained"])
    kind = (backbone["type"], backbone["depth"], backbone.get("groups", 1), backbone.get("base_width", 4))
    found = {
        "detector": ("model.type", DETECTORS.get(model["type"].removeprefix(PARTLY))),
        "backbone": ("model.backbone", BACKBONES.get(kind)),
        "schedule": ("train_cfg", schedule),
    }
    return {
        name: value
        for name, (key, value) in found.items()
        if value is not None and not any(key.startswith(given) or given.startswith(key) for given in overrides)
    }


def _hyper_parameters(record: ResultRecord, config: Mapping[str, Any]) -> Iterator[Problem]:
    """Those that were set are in the config; all others are the loss's defaults, which the config does not have."""
    given = {name: _plain(value) for name, value in box_heads(config)[0]["loss_cls"]["hyper_parameters"].items()}
    yield from differences(record.loss.hyper_parameters, given, "loss.hyper_parameters.")
    unset = sorted(set(record.loss.non_default) - set(given))
    if unset:
        yield Problem("loss.non_default", record.loss.non_default, f"{', '.join(unset)} was not set")


def _plain(value: Any) -> Any:
    """As a record holds it."""
    plain = isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    return value if plain and len(str(value)) <= 1000 else repr(value)[:1000]
