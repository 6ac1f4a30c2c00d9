"""What a record says was changed by hand, against the config."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lt_bench.leaderboard.fingerprint import by_weights, innermost_dataset
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.verification.problem import ABSENT, Problem

FITTED = {"images_per_device", "optim_wrapper.accumulative_counts"}  # a run sets them once more, to fit its devices


def parse_overrides(lines: tuple[str, ...]) -> dict[str, Any]:
    """The config keys that a record says were set by hand, and their values. A value too long for a record is absent.

    Other lines (--max-iters, images left out) are not among them.
    """
    found = {}
    for line in lines:
        key, equals, text = line.partition("=")
        if equals and not line.startswith("--"):
            try:
                found[key.removeprefix("+")] = ast.literal_eval(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    return found


def by_overrides(record: ResultRecord, config: Mapping[str, Any], overrides: Mapping[str, Any]) -> Iterator[Problem]:
    """config: as it was before it was fitted to devices. overrides: as `parse_overrides` gives them."""
    for key, value in overrides.items():
        found, value = by_weights(_look_up(config, key), key), by_weights(value, key)
        if key not in FITTED and not _overlaps(key, overrides) and not _contains(found, value):
            yield Problem(f"overrides.{key}", value, found)
    left_out = innermost_dataset(config["test_dataloader"]).get("exclude")
    yield from _line(record, "images left out", f"{len(left_out)} images left out" if left_out else None)
    loop = config["train_cfg"]
    by_steps = loop["type"] == "IterBasedTrainLoop" and not any(key.startswith("train_cfg") for key in overrides)
    yield from _line(record, "--max-iters", f"--max-iters {loop['max_iters']}" if by_steps else None)


def _line(record: ResultRecord, mark: str, expected: str | None) -> Iterator[Problem]:
    """Whether the record has exactly the line that the config gives."""
    said = [line for line in record.overrides if mark in line]
    if said != [expected] * (expected is not None):
        yield Problem("overrides", "; ".join(said) or ABSENT, expected or ABSENT)


def _look_up(config: Mapping[str, Any], key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list | tuple) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return ABSENT
    return found


def _overlaps(key: str, overrides: Mapping[str, Any]) -> bool:
    """Whether another one changes a part of the same: which came later is not known."""
    others = [f"{other}." for other in overrides if other != key]
    return any(f"{key}.".startswith(other) or other.startswith(f"{key}.") for other in others)


def _contains(found: Any, value: Any) -> bool:
    """Whether a config has what was set: a dictionary is merged into what was there."""
    if isinstance(value, Mapping):
        return isinstance(found, Mapping) and all(
            key == "_delete_" or (key in found and _contains(found[key], own)) for key, own in value.items()
        )
    if isinstance(value, list | tuple):
        same_length = isinstance(found, Sequence) and len(found) == len(value)
        return same_length and all(map(_contains, found, value))
    return bool(found == value)
