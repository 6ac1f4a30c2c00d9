"""What --set changes in a config, and what it may not change, because the record would say something else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from lt_bench.errors import UserError, did_you_mean
from lt_bench.evaluation.terms import PLURALS
from lt_bench.leaderboard.fingerprint import box_heads

if TYPE_CHECKING:
    from mmengine.config import Config

    from lt_bench.run.experiment import Experiment

# Keys that a run sets itself, or that an option of its own is for, which the record then tells of.
_NOT_BY_HAND = {
    r"randomness\.seed": "choose it with --seed",
    r"resume": "a repeated command goes on by itself; --resume fails unless there is something to continue",
    r"default_hooks\.checkpoint\.(type|every|keep_epochs)": "choose it with --checkpoint-every, --keep-epochs",
    r"custom_hooks\.[0-9]+\.on_nan": "choose it with --on-nan",
    r"work_dir": "choose it with --work-dir",
    r"launcher": "choose the number of processes with --gpus",
    r"test_evaluator(\..*)?": "predictions are written as they are, and evaluated from the file",
    r".*\.(ann_file|data_root|data_prefix(\..*)?|img_prefix)": "choose the data with --data-root and --dataset",
    r".*\.exclude": "leave images out with --exclude-images",
    r"optim_wrapper\.accumulative_counts": "it follows from --gpus and --images-per-device; the batch is "
    "train_dataloader.batch_size",
    r"model\.(.*\.)?pretrained": "name weights in an init_cfg: the record then says which",
}
_NEEDED_HOOKS = {"FiniteLossHook": "stops at a loss that is NaN", "RunMeterHook": "measures time and memory"}


def apply(cfg: Config, overrides: Mapping[str, Any]) -> None:
    """Change `cfg` in place. Raises UserError for a key that is not in it, and for one that changes the loss."""
    before = _losses(cfg)
    for key, value in overrides.items():
        name = key.removeprefix("+")
        if not key.startswith("+"):
            _check_key(cfg, name)
        cfg.merge_from_dict({name: deepcopy(value)})  # merging takes _delete_ out of it
        if _losses(cfg) != before:
            raise UserError(f"--set {key} changes the loss under test", "choose it with --loss and --loss-set")


def refuse_untold(experiment: Experiment) -> None:
    """Raises UserError for keys that --set may not change: the record tells of them by other means."""
    for key, value in experiment.overrides.items():
        for name in _names(key.removeprefix("+"), value):
            for pattern, remedy in _NOT_BY_HAND.items():
                if re.fullmatch(pattern, name):
                    raise UserError(f"--set {key} can't change {name}", remedy)


def refuse_not_finite(experiment: Experiment) -> None:
    """Raises UserError for values that are infinite or NaN: neither a config nor a record can hold them."""
    for option, values in (("--set", experiment.overrides), ("--loss-set", experiment.hyper_parameters)):
        for key, value in values.items():
            for number in _floats(value):
                if not math.isfinite(number):
                    raise UserError(f"{option} {key} holds {number}", "give a finite number")


def refuse_contradictions(cfg: Config, experiment: Experiment) -> None:
    """Raises UserError when a config with --set is of another run than the arguments, and so the record, say."""
    if (cfg.optim_wrapper.type == "AmpOptimWrapper") != experiment.amp:
        raise UserError(f"--set makes the precision that of {cfg.optim_wrapper.type}", "choose it with --amp")
    if cfg.randomness.get("seed") != experiment.seed:
        raise UserError("--set changes the seed", "choose it with --seed")
    if (cfg.model.roi_head.get("mask_head") is not None) != experiment.has_masks:
        does = "takes the mask head away" if experiment.has_masks else "adds a mask head"
        measured = " and ".join(PLURALS[kind] for kind in experiment.kinds)
        raise UserError(
            f"--set {does}: {experiment.detector} is measured by {measured}",
            "choose the detector with --detector; faster_rcnn has no masks",
        )
    there = {str(hook.get("type")) for hook in cfg.get("custom_hooks") or ()}
    for name, what in _NEEDED_HOOKS.items():
        if name not in there:
            raise UserError(f"--set leaves out {name}, which {what}", f"keep {{'type': '{name}'}} in custom_hooks")


def _losses(cfg: Config) -> list[Any]:
    """The loss of each box head; none where there is no such head any more."""
    try:
        return [deepcopy(head.get("loss_cls")) for head in box_heads(cfg.to_dict())]
    except (KeyError, TypeError, AttributeError):
        return []


def _names(key: str, value: Any) -> Iterator[str]:
    """The key, and those of dictionaries in its value, with dots."""
    yield key
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    for name, inner in pairs:
        yield from _names(f"{key}.{name}", inner)


def _floats(value: Any) -> Iterator[float]:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple | set) else ()
    for one in inner:
        yield from _floats(one)
    if isinstance(value, float):
        yield value


def _check_key(cfg: Config, key: str) -> None:
    node: Any = cfg._cfg_dict
    walked: list[str] = []
    for part in key.split("."):
        if isinstance(node, Mapping):
            known = [str(name) for name in node]
        else:
            known = [str(index) for index in range(len(node))] if isinstance(node, list | tuple) else []
        if part not in known:
            where = ".".join(walked) or "the config"
            raise UserError(
                f"--set {key}: {where} has no {part!r}",
                f"{did_you_mean(part, known)}\nTo add a new key, write --set +{key}=...",
            )
        node = node[part] if isinstance(node, Mapping) else node[int(part)]
        walked.append(part)
