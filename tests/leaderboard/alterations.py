"""Every record that differs from a given one in a single field, which is as valid as before where that can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from record_values import CALIBRATION, boxes_alone, errors, metrics

from lt_bench.errors import UserError
from lt_bench.leaderboard import ResultRecord, read, write

# Values that are read as something else than free text, numbers or digests; the first one that is another is taken.
OTHER: dict[str, tuple[Any, ...]] = {
    "schema_version": (2,),
    "init.kind": ("pretrained", "random"),
    "memory.kind": ("cuda", "host"),
    "device.kind": ("cuda", "cpu"),
    "git.commit": ("0123456789abcdef",),
}
ABSENT: dict[str, Any] = {  # fields that a record may not have
    "track.features": "surprise",
    "metrics.segm": metrics(0.5),
    "per_class.0.segm": 0.5,
    "ap_fixed": {"bbox": metrics(0.5), "segm": metrics(0.5)},
    "ap_boundary": metrics(0.5),
    "elsewhere": {"file": "p.json", "image_ids": "annotations", "category_ids": "annotations"},
    "errors": errors(),
    "detections_per_image": 1000,
    "skipped_steps": 1,
    "calibration": {**CALIBRATION, "non_default": ["gamma"]},
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
        others = OTHER.get(field, ())
        yield field, _with(content, place, next((one for one in others if one != value), None) or _other(field, value))
    for field, value in ABSENT.items():
        place = tuple(field.split("."))
        if not _is_there(content, place):
            yield field, _with(content, place, value)
            if record.kind == "bbox" and isinstance(value, dict) and "segm" in value:
                yield field, _with(content, place, boxes_alone(value))
    for field in ("git", "evidence", "seal", "track.features", "metrics.segm"):
        if _is_there(content, tuple(field.split("."))):
            yield field, _with(content, tuple(field.split(".")), None)
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


def _is_there(content: Any, place: Place) -> bool:
    with suppress(KeyError):
        return _at(content, place) is not None
    return False


def _at(content: Any, place: Place) -> Any:
    for part in place:
        content = content[int(part) if isinstance(content, list) else part]
    return content


def _with(content: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    altered = deepcopy(content)
    node = _at(altered, place[:-1])
    node[int(place[-1]) if isinstance(node, list) else place[-1]] = value
    return altered


def names(problems: Any, field: str, record: ResultRecord) -> bool:
    """Whether one of the problems is about the field, or about the block that it is in."""
    field = field.removeprefix("seal.")
    parts = field.split(".")
    if parts[0] == "per_class" and len(parts) == 3:
        number = record.per_class[int(parts[1])].id
        parts[1] = str(number + 1 if parts[2] == "id" else number)  # an altered id is named by what it is now
    about = {".".join(parts[: length + 1]) for length in range(len(parts))}
    shown = [problem.field for problem in problems]
    if shown == ["schema"]:
        return parts[0] in problems[0].found or parts[-1] in problems[0].found
    return any(name in about or name.startswith(".".join([*parts, ""])) for name in shown)


def sealed_anew(path: Path, content: dict[str, Any]) -> bool:
    """Write an altered record with a seal that fits. Returns whether it is a valid one."""
    path.write_text(json.dumps(content | {"seal": None}), encoding="utf-8")
    try:
        record = read(path)
    except UserError:
        return False
    write(record, path)
    return True
