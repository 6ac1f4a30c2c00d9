"""The seal of a record: a short digest of each of its fields, written with it, which an edit by hand does not follow.

Most fields of a record can be computed again from the evidence, or are in the config. Nothing else knows how long a run
took, or on what; the seal names such a field when it was changed. It keeps no secret: who recomputes it can forge it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

LENGTH = 16  # hex digits


def seal(content: Mapping[str, Any]) -> dict[str, str]:
    """Field -> the first 16 hex digits of the SHA-256 of its name and value, for all but the seal itself. The fields
    of a block stand for the block: device.name, device.count, device.kind.

    content: a record as `model_dump(mode="json")` gives it.
    """
    return {name: _digest(name, value) for name, value in sealed_fields(content).items()}


def sealed_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have a digest each, and their values."""
    fields: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping) and name != "seal":
            fields |= {f"{name}.{key}": part for key, part in value.items()}
        elif name != "seal":
            fields[name] = value
    return fields


def broken(content: Mapping[str, Any]) -> list[str]:
    """The fields that are not as they were when the record was sealed, those that came or went among them."""
    recorded, expected = content.get("seal") or {}, seal(content)
    return sorted(name for name in {*recorded, *expected} if recorded.get(name) != expected.get(name))


def _digest(name: str, value: Any) -> str:
    text = json.dumps([name, value], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
