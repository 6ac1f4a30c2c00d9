"""Every record that differs from a given one in a single field, which is as valid as before where that can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from record_values import errors, metrics

from lt_bench.leaderboard.schema import ResultRecord

# Values that are read as something else than free text, numbers or digests.
OTHER: dict[str, Any] = {
    "schema_version": 2,
    "init.kind": "pretrained",
    "memory.kind": "cuda",
    "device.kind": "cuda",
    "git.commit": "0123456789abcdef",
}
ABSENT: dict[str, Any] = {  # fields that the record does not have
    "ap_fixed": {"bbox": metrics(0.5), "segm": metrics(0.5)},
    "ap_boundary": metrics(0.5),
    "errors": errors(),
    "detections_per_image": 1000,
    "loss.hyper_parameters.surprise": 1.5,
    "versions.surprise": "1.0",
    "seal.surprise": "0" * 16,
    "per_class.0.bbox_fixed": 0.5,
    "per_class.0.segm_fixed": 0.5,
    "per_class.0.boundary": 0.5,
}
FREQUENCY = {"r": "c", "c": "f", "f": "r"}
Place = tuple[str, ...]


def alterations(record: ResultRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    """The field (with dots) and the whole altered content. Of a list, its first and last entries are walked."""
    content = json.loads(record.model_dump_json())
    leaves = list(_leaves(content))
    assert {place[0] for place, _ in leaves} | {name.split(".")[0] for name in ABSENT} == set(ResultRecord.model_fields)
    for place, value in leaves:
        field = ".".join(place)
        yield field, _with(content, place, OTHER[field] if field in OTHER else _other(field, value))
    for field, value in ABSENT.items():
        yield field, _with(content, tuple(field.split(".")), value)
    for field in ("git", "evidence", "seal"):
        yield field, _with(content, (field,), None)
    for field in ("overrides", "notes", "per_class", "loss.non_default"):
        place = tuple(field.split("."))
        yield field, _with(content, place, _at(content, place)[:-1] or ["surprise=1"])


def _leaves(node: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, (*place, key))
    elif isinstance(node, list):
        for index in sorted({0, len(node) - 1} if node else ()):
            yield from _leaves(node[index], (*place, str(index)))
    else:
        yield place, node


def _other(field: str, value: Any) -> Any:
    if field.endswith(".frequency"):
        return FREQUENCY[value]
    if field == "started":
        return (datetime.fromisoformat(value.replace("Z", "+00:00")) + timedelta(hours=1)).isoformat()
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 if value > 0 else 0.25
    if len(value) in (16, 64) and set(value) <= set("0123456789abcdef"):
        return ("1" if value[0] == "0" else "0") + value[1:]
    return f"{value}x"


def _at(content: Any, place: Place) -> Any:
    for part in place:
        content = content[int(part) if isinstance(content, list) else part]
    return content


def _with(content: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    altered = deepcopy(content)
    node = _at(altered, place[:-1])
    node[int(place[-1]) if isinstance(node, list) else place[-1]] = value
    return altered
