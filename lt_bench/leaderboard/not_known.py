"""What nobody here knows of predictions that were made elsewhere: how their model was trained, and on what.

Such a record's file leaves these fields out. Where it is read, they have the values below, which stand for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ELSEWHERE = "elsewhere"  # in place of a schedule and of a distribution
UNKNOWN = "unknown"
NO_DIGEST = "0" * 64
NOT_KNOWN: Mapping[str, Any] = {
    "loss": {"hyper_parameters": {}, "non_default": (), "distribution": ELSEWHERE, "distribution_version": UNKNOWN},
    "track": {"detector": UNKNOWN, "backbone": UNKNOWN, "schedule": ELSEWHERE, "recipe": UNKNOWN},
    "fingerprint": NO_DIGEST,
    "init": {"kind": UNKNOWN, "description": UNKNOWN},
    "training_seconds": 0.0,
    "iterations": 0,
    "epochs": 0,
    "memory": {"peak_bytes": 0, "kind": "host"},
    "device": {"name": UNKNOWN, "count": 1, "kind": "cpu"},
    "data": {"train_annotations": NO_DIGEST, "train_images": 0},
    "overrides": (),
    "amp": False,
}


def with_what_is_not_known(content: Any) -> Any:
    """A record's content with the values that stand for nothing, if it is of predictions made elsewhere."""
    if not isinstance(content, Mapping) or content.get("elsewhere") is None:
        return content
    return _filled(content, NOT_KNOWN)


def _filled(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(content)
    for name, value in values.items():
        own = found.get(name)
        if _is_block(value) and (own is None or isinstance(own, Mapping)):
            found[name] = _filled(own or {}, value)
        else:
            found.setdefault(name, value)
    return found


def without_what_is_not_known(content: Mapping[str, Any]) -> dict[str, Any]:
    """A record's content without these values; a block of nothing else goes with them."""
    return _stripped(content, NOT_KNOWN)


def _stripped(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in content.items() if name not in values}
    for name, value in values.items():
        rest = _stripped(content[name], value) if _is_block(value) and _is_block(content.get(name)) else None
        if rest:
            found[name] = rest
    return found


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def contradictions(content: Mapping[str, Any]) -> list[str]:
    """The fields of a filled record that say more than can be known."""
    return list(_contradictions(content, NOT_KNOWN, ""))


def _contradictions(content: Mapping[str, Any], values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in values.items():
        own = content[name]
        if _is_block(value):
            yield from _contradictions(own, value, f"{prefix}{name}.")
        elif own != value:
            yield f"{prefix}{name}"
