"""What two runs that should be equal are compared by: everything that training leaves, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from lt_bench.run.folder import RunFolder
from lt_bench.utils.files import sha256_of

PARTS = ("state_dict", "optimizer", "param_schedulers", "ranks")  # of a checkpoint


def state_of(folder: Path) -> dict[str, Any]:
    """Name of a value -> the value: weights, state of the loss, optimizer, schedulers and random states of the last
    checkpoint, its epoch and iteration, and the digest of the predictions.
    """
    run = RunFolder(folder)
    checkpoint = run.whole_checkpoint()
    assert checkpoint is not None, f"{folder} has no checkpoint"
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    found = {name: value for part in PARTS for name, value in _flat(content[part], part)}
    found.update({name: content["meta"][name] for name in ("epoch", "iter")})
    found["predictions"] = sha256_of(run.predictions)
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names of values that are not equal, bit for bit, or are in one of the two alone."""
    names = sorted(one.keys() | other.keys())
    return [name for name in names if name not in one or name not in other or not _equal(one[name], other[name])]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return (
            one.dtype == other.dtype and one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes()
        )
    return bool(type(one) is type(other) and one == other)


def _flat(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{name}.{key}")
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from _flat(value, f"{name}.{place}")
    else:
        yield name, node
