"""What an entry of an annotation file has to have, and in words what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lt_bench.errors import UserError

Fields = Mapping[str, tuple[type, ...]]

NUMBER = (int, float)
CATEGORY: Fields = {"id": (int,)}
IMAGE: Fields = {"id": (int,), "width": (int,), "height": (int,)}
ANNOTATION: Fields = {"id": (int,), "image_id": (int,), "category_id": (int,), "bbox": (list,)}
# What an entry may lack: the file can be read without, though not used for everything (see `Index`).
OF_CATEGORY: Fields = {"frequency": (str,)}
LISTS = ("neg_category_ids", "not_exhaustive_category_ids")
# Beside the three sections, where true: every class that an image has no annotation of is absent from it, so that no
# image lists it. Lists of 13,204 classes for 30,000 images would be 2.5 GB.
EXHAUSTIVE = "exhaustive"
OF_IMAGE: Fields = dict.fromkeys(LISTS, (list,))
OF_ANNOTATION: Fields = {"area": NUMBER, "segmentation": (list, dict)}
# What it may lack, or have of another type: only some uses read it.
COUNTED: Fields = {"name": (str,), "image_count": (int,), "instance_count": (int,)}
NAMES: Fields = {"file_name": (str,), "coco_url": (str,)}


def wrong(entry: Mapping[str, Any], name: str, types: tuple[type, ...]) -> str:
    """In words that `entry` does not have a field of the exact types: JSON's true is no number, though Python's is."""
    if name not in entry:
        return f" has no {name!r}{identity(entry)}"
    expected = " or ".join(kind.__name__ for kind in types)
    value = "" if entry[name] is None else f": {entry[name]!r:.40}"
    return f": {name!r} is {type_name(entry[name])}, expected {expected}{value}{identity(entry)}"


def identity(entry: Mapping[str, Any]) -> str:
    """What an entry says of itself, so that it can be found."""
    known = [f"{name} {entry[name]!r:.80}" for name in ("id", "image_id", "name", "file_name") if name in entry]
    return f" ({', '.join(known)})" if known else ""


def type_name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read: {error.strerror or error}", "Give the path of an LVIS JSON.")


def malformed(path: Path, *messages: str) -> UserError:
    """messages: what is wrong, all of it."""
    remedy = (
        "Expected the form of https://www.lvisdataset.org/dataset. What COCO's form lacks of it, in all entries, is "
        "derived; what only some entries lack is not."
    )
    listed = "".join(f"\n  {message}" for message in messages) if len(messages) > 1 else f" {messages[0]}"
    return UserError(f"{path}: not an LVIS annotation file:{listed}", remedy)
