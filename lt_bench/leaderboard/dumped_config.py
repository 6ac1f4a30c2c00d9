"""A run's config.py, read without being run: it may come from anybody.

mmengine dumps a config as assignments of literals and calls of `dict` with keywords alone. Nothing else is accepted.

The config of a classifier that was trained alone, on stored features, has these names at its top (`is_probe`):

    probe = dict(                       # what all losses share: `fingerprint.probe_fingerprint` is of it alone
        track=dict(dataset, detector, backbone, recipe),
        features=dict(name, checkpoint, train_annotations, val_annotations, ...),  # the last three: SHA-256
        schedule=dict(steps, ...),
        test=dict(annotations, ...),    # annotations: SHA-256 of those that it was evaluated on
        ...,                            # classifier, sampler, optimizer
    )
    loss = dict(loss, hyper_parameters, non_default, image_count, instance_count, num_images)
    calibration = dict(name, hyper_parameters, non_default, tuned)  # of calibrated scores
    seed = 0
    overrides = [...]                   # as the record has them; it may be missing
    ann_file = ...                      # of the annotations that it was evaluated on; it may be missing
    features_folder = ...               # it may be missing

hyper_parameters: all that the loss or the calibration has. tuned: None, or dict(hyper_parameter, rule). image_count and
instance_count: in the order of the record's classes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path, PurePath
from pprint import pformat
from typing import Any

from lt_bench.errors import UserError
from lt_bench.leaderboard.fingerprint import weights_id

LARGEST = 4 << 20  # bytes; that of LVIS's 1,203 classes has 60 kB
_REMEDY = "give the config.py of the run"
_ABSOLUTE = re.compile(r"^(?:/|~|[A-Za-z]:[\\/]|\\\\|file:)")


def _weights(path: str) -> str:
    """What the weights are, else (a resumed run's own checkpoint, which no fingerprint looks at) their file's name."""
    if "://" in path:
        return path
    known = weights_id(path)
    return PurePath(known).name if _ABSOLUTE.match(known) else known


# Keys with places on somebody's machine, and what stands for them in a published config. The fingerprint looks at none
# of these places but through the digests of what lies there.
_PLACES: Mapping[str, Callable[[str], str]] = {
    "work_dir": lambda path: "work_dir",
    "folder": lambda path: "work_dir",
    "data_root": lambda path: "data",
    "features_folder": lambda path: "features",
    "ann_file": lambda path: f"annotations/{PurePath(path).name}",
    "checkpoint": _weights,
    "load_from": _weights,
}


def read_config(path: Path) -> dict[str, Any]:
    """The config as plain values. Raises UserError when the file is no dumped config."""
    tree = _parse(_text(path), path)
    try:
        return {name: _value(node) for name, node in _assignments(tree)}
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no config of a run: {error}", _REMEDY) from error


def is_probe(config: Mapping[str, Any]) -> bool:
    """Whether it is the config of a classifier that was trained alone."""
    return "probe" in config


def config_text(config: Mapping[str, Any]) -> str:
    """Plain values as a config.py that `read_config` reads back as they are.

    Raises ValueError for what is no literal: an infinite number, an object.
    """
    parts = ((name, pformat(value, width=110, compact=True, sort_dicts=False)) for name, value in config.items())
    text = "".join(f"{name} = {part}\n" for name, part in parts)
    try:
        back = {name: _value(node) for name, node in _assignments(ast.parse(text))}
    except (SyntaxError, ValueError, TypeError) as error:
        raise ValueError(f"the config holds more than plain values: {error}") from error
    if back != dict(config):
        raise ValueError("the config holds more than plain values")
    return text


def publishable(path: Path) -> str:
    """The text of a config with words for the places on the machine that it was made on.

    Its fingerprint stays the same. That of a classifier alone is laid out anew, many numbers on a line: a board has
    hundreds of such runs. Raises UserError when the file is no dumped config, or names another such place.
    """
    text = _text(path)
    lines = text.encode().splitlines(keepends=True)
    changes = []
    for node, key, old in _strings(_parse(text, path)):
        value = _PLACES[key](old) if key in _PLACES else old
        if value != old:
            changes.append((_offset(lines, node.lineno, node.col_offset), node, value))
        elif _ABSOLUTE.match(value):
            raise UserError(f"{path}: {key} names {value}, a place on one machine", "a published config can't have it")
    content = b"".join(lines)
    for start, node, value in sorted(changes, key=lambda change: -change[0]):
        end = _offset(lines, node.end_lineno or 0, node.end_col_offset or 0)
        content = content[:start] + repr(value).encode() + content[end:]
    with suppress(ValueError, TypeError, RecursionError):  # not plain values: its own check names it
        values = {name: _value(node) for name, node in _assignments(ast.parse(content))}
        return config_text(values) if is_probe(values) else content.decode()
    return content.decode()


def before_fitting(config: Mapping[str, Any], devices: int, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it was before a run fitted it to so many devices: what its fingerprint is of.

    overrides: what was set by hand, key to value. Raises KeyError or TypeError when it is no config of a run.
    """
    plain = deepcopy(dict(config))
    accumulated = plain["optim_wrapper"].pop("accumulative_counts")
    if "optim_wrapper.accumulative_counts" in overrides:
        plain["optim_wrapper"]["accumulative_counts"] = overrides["optim_wrapper.accumulative_counts"]
    plain["train_dataloader"]["batch_size"] *= devices * accumulated
    if plain["train_cfg"].get("max_iters"):
        for key in ("max_iters", "val_interval"):
            plain["train_cfg"][key] //= accumulated
    for scheduler in plain["param_scheduler"]:
        if not scheduler["by_epoch"]:
            _shrink(scheduler, accumulated)
    if devices > 1:
        for key in ("launcher", "model_wrapper_cfg", "sync_bn"):
            plain.pop(key, None)
        plain["custom_hooks"] = [hook for hook in plain["custom_hooks"] if hook["type"] != "AverageBatchNormHook"]
    if plain.get("resume"):
        plain["load_from"] = overrides.get("load_from")  # a resumed run has its checkpoint there
    return plain


def _shrink(scheduler: dict[str, Any], factor: int) -> None:
    """The reverse of what `run` does for iterations whose gradients are accumulated."""
    if scheduler["type"] == "LinearLR":
        scheduler["end"] = (scheduler["end"] - 1) // factor + 1
    else:
        scheduler["end"] //= factor
    if "milestones" in scheduler:
        scheduler["milestones"] = [milestone // factor for milestone in scheduler["milestones"]]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path} has more than {LARGEST:,} bytes", _REMEDY)
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}", _REMEDY) from error


def _parse(text: str, path: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{path} is no config of a run: {error}", _REMEDY) from error


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case _:
                raise ValueError(f"line {statement.lineno} is no assignment")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=pairs) if all(pair.arg for pair in pairs):
            return {pair.arg: _value(pair.value) for pair in pairs}
        case ast.Dict(keys=keys, values=values) if all(keys):
            return {ast.literal_eval(key): _value(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.List(elts=values):
            return [_value(value) for value in values]
        case ast.Tuple(elts=values):
            return tuple(_value(value) for value in values)
        case _:
            return ast.literal_eval(node)


def _strings(tree: ast.Module) -> Iterator[tuple[ast.Constant, str, str]]:
    """Every string in the values: its node, the key that it stands under, and what it says."""

    def walk(node: ast.expr, key: str) -> Iterator[tuple[ast.Constant, str, str]]:
        match node:
            case ast.Constant(value=str(text)):
                yield node, key, text
            case ast.Call(keywords=pairs):
                for pair in pairs:
                    yield from walk(pair.value, str(pair.arg))
            case ast.Dict(keys=keys, values=values):
                for name, value in zip(keys, values, strict=True):
                    yield from walk(value, str(name.value) if isinstance(name, ast.Constant) else key)
            case ast.List(elts=values) | ast.Tuple(elts=values):
                for value in values:
                    yield from walk(value, key)

    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield from walk(statement.value, statement.targets[0].id)


def _offset(lines: list[bytes], line: int, column: int) -> int:
    return sum(map(len, lines[: line - 1])) + column
