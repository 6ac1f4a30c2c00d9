"""The fingerprint of a run: everything that must be equal before two losses may stand in one table."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from lt_bench.utils.files import sha256_of

# No result depends on these: where things are, how many devices share the batch, what is logged and when. A calibration
# tells the rows of a table apart, as the loss does.
_NEUTRAL = (
    "calibration",
    "randomness",
    "work_dir",
    "images_per_device",
    "env_cfg",
    "log_processor",
    "log_level",
    "resume",
    "default_scope",
    "test_evaluator",
    "visualizer",
    "vis_backends",
)
# Any other hook may train, also one under these names. All but the last two may be left out.
_NEUTRAL_HOOKS = {
    "timer": ("IterTimerHook",),
    "logger": ("LoggerHook",),
    "checkpoint": ("RunCheckpointHook", "CheckpointHook"),
    "visualization": ("DetVisualizationHook",),
    "param_scheduler": ("ParamSchedulerHook",),
    "sampler_seed": ("DistSamplerSeedHook",),
}
_PACKAGES = ("mmengine", "mmdet", "mmcv", "lt_bench")  # whose classes are what their names say
_NEUTRAL_KEYS = {"FiniteLossHook": "on_nan"}  # where it made a difference, the record says how often
_WATCHING = ("DetVisualizationHook", "MemoryProfilerHook")  # of hooks that are added
_TRAINING_HOOKS = ("param_scheduler", "sampler_seed")
_NEUTRAL_LOADER = ("num_workers", "persistent_workers", "pin_memory", "prefetch_factor")
# Modules that compute what mmdet's do, only faster: a table may hold runs of either.
EXACT_REPLACEMENTS = {
    "LongTailMaskHead": "FCNMaskHead",
    "LongTailRoIHead": "StandardRoIHead",
    "LongTailCascadeRoIHead": "CascadeRoIHead",
    "RepeatFactorDataset": "ClassBalancedDataset",
}
WEIGHTS = ("checkpoint", "load_from")  # keys that name weights
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.pth$")


def fingerprint(config: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """SHA-256 (hex) of a resolved config without the loss block, seed, paths and device count.

    config: plain values, as they are before the config is fitted to devices. digests: annotation file to the
    SHA-256 of its content, which stands in for its path. Raises KeyError or TypeError for what is no such config.
    """
    plain = deepcopy(dict(config))
    for key in _NEUTRAL:
        if not _has_foreign_type(plain.get(key)):
            plain.pop(key, None)
    if imports := _foreign_imports(plain.pop("custom_imports", None)):
        plain["custom_imports"] = imports  # whatever they register may stand for a module of the config
    _leave_out_hooks(plain.get("default_hooks") or {}, plain.get("custom_hooks"))
    if not plain.get("default_hooks"):
        plain.pop("default_hooks", None)
    for head in box_heads(plain):
        head.pop("loss_cls")
    plain["test_dataloader"].pop("batch_size", None)
    for key in ("train_dataloader", "test_dataloader"):
        for neutral in _NEUTRAL_LOADER:
            plain[key].pop(neutral, None)
        dataset = innermost_dataset(plain[key])
        dataset["ann_file"] = digests[dataset["ann_file"]]
        dataset.pop("data_root")
    for init in _pretrained(plain["model"]):
        init["checkpoint"] = weights_id(init["checkpoint"])
    if plain.get("load_from"):
        plain["load_from"] = weights_id(plain["load_from"])
    _name_what_is_replaced(plain)
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()


def probe_fingerprint(config: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what a classifier's training alone, without its detector, holds fixed.

    config: plain values, as in the config.py beside such a run. All of `probe` counts and nothing else does, so it may
    hold neither loss nor seed, and no place on a machine but the digest of what lies there. Lists and tuples are alike.
    Raises KeyError, TypeError or ValueError for what is no such config.
    """
    plain = json.dumps(dict(config["probe"]), sort_keys=True, allow_nan=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def by_weights(node: Any, key: str = "") -> Any:
    """Plain values in which every name of weights stands for what they are, wherever they lie (see `weights_id`)."""
    if isinstance(node, Mapping):
        return {name: by_weights(value, str(name)) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(by_weights(value, key) for value in node)
    return weights_id(node) if isinstance(node, str) and key.rpartition(".")[2] in WEIGHTS else node


def box_heads(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The box heads of a config: one, or one for each stage of a cascade."""
    heads = config["model"]["roi_head"]["bbox_head"]
    return [heads] if isinstance(heads, dict) else list(heads)


def innermost_dataset(loader: Mapping[str, Any]) -> dict[str, Any]:
    """The data set of a loader without what is wrapped around it."""
    dataset: dict[str, Any] = loader["dataset"]
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset


def images_left(dataset: Mapping[str, Any], images: int) -> int:
    """How many of so many images a data set's `indices` leave: the first or last n, or those that are listed."""
    indices = dataset.get("indices")
    if indices is None:
        return images
    return min(abs(indices), images) if isinstance(indices, int) else len(indices)


def weights_id(checkpoint: str) -> str:
    """What weights are, wherever they lie: the first 8 hex digits of the file's SHA-256.

    A published file has them in its name (torch.hub's convention), so a URL and a local copy agree.
    """
    path = Path(checkpoint)
    if path.is_file():
        return _sha256_once(path, path.stat().st_mtime_ns)[:8]
    named = _HASH_IN_NAME.search(checkpoint)
    return named.group(1)[:8] if named else checkpoint


@cache
def _sha256_once(path: Path, modified: int) -> str:
    return sha256_of(path)


def _foreign_imports(imports: Any) -> list[str]:
    """The modules outside this package that a config imports, and whose code may do anything."""
    named = imports.get("imports") if isinstance(imports, Mapping) else None
    modules = [named] if isinstance(named, str) else list(named or ())
    return sorted(name for name in map(str, modules) if name.partition(".")[0] != "lt_bench")


def _leave_out_hooks(default: dict[str, Any], custom: Any) -> None:
    """Remove the hooks that no result depends on. What is left out counts as what is there without effect."""
    for name, kinds in _NEUTRAL_HOOKS.items():
        hook = default.get(name)
        without = hook is None and name not in _TRAINING_HOOKS
        if without or (isinstance(hook, dict) and _is_of(str(hook.get("type")), kinds)):
            default.pop(name, None)
    if isinstance(custom, list):
        custom[:] = [hook for hook in custom if not isinstance(hook, dict) or hook.get("type") not in _WATCHING]
        for hook in custom:
            if isinstance(hook, dict) and isinstance(hook.get("type"), str):
                hook.pop(_NEUTRAL_KEYS.get(hook["type"], ""), None)


def _is_of(name: str, kinds: Collection[str]) -> bool:
    """Whether a type is one of `kinds`, and no class of that name in another package."""
    return name.rpartition(".")[2] in kinds and not _is_foreign(name)


def _is_foreign(name: str) -> bool:
    """Whether a type is imported from another package by its name. A bare name is a registry's, and who registers
    one of their own has it imported by `custom_imports`."""
    return "." in name and name.partition(".")[0] not in _PACKAGES


def _has_foreign_type(node: Any) -> bool:
    if isinstance(node, Mapping):
        return _is_foreign(str(node.get("type", ""))) or any(map(_has_foreign_type, node.values()))
    return isinstance(node, list | tuple) and any(map(_has_foreign_type, node))


def _name_what_is_replaced(node: Any) -> None:
    """Give every exact replacement in a config the type of the module that it stands for."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            node["type"] = EXACT_REPLACEMENTS.get(node["type"], node["type"])
        node = list(node.values())
    for value in node if isinstance(node, list | tuple) else ():
        _name_what_is_replaced(value)


def _pretrained(node: Any) -> list[dict[str, Any]]:
    """Every init_cfg of a model config that names a checkpoint."""
    if isinstance(node, dict):
        found = [node] if isinstance(node.get("checkpoint"), str) else []
        return found + [init for value in node.values() for init in _pretrained(value)]
    return [init for value in node for init in _pretrained(value)] if isinstance(node, list | tuple) else []
