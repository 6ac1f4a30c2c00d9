"""Values in predictions that are not what they should be, named for what they are."""

from __future__ import annotations

import math
from typing import Any

Problem = tuple[str, Any]  # the kind, with {} where an example is to stand in it, and the example


_OF_TYPE = {str: "the text '{}'", list: "the list {}", dict: "the object {}", bool: "{}", type(None): "{}"}
_JSON = {None: "null", True: "true", False: "false"}


def problem_of_number(name: str, value: Any, whole: bool = False) -> Problem:
    """What is wrong with a value that should be a number. whole: it should be an id."""
    if type(value) in _OF_TYPE:
        shown = _JSON[value] if value is None or type(value) is bool else value
        return f"{name} is {_OF_TYPE[type(value)]}; it must be a number", shown
    if whole and type(value) is float and math.isfinite(value):
        return f"{name} is {{}}; it must be an integer", value
    return f"{name} is no finite number", value


def problem_of_box(box: Any) -> Problem:
    if isinstance(box, str):
        return "bbox is the text '{}'; it must be a list of four numbers", box
    if isinstance(box, list):
        text = next((value for value in box if isinstance(value, str)), None)
        if text is not None and len(box) == 4:
            return "bbox has the text '{}' in it; it must be a list of four numbers", text
    return "bbox is no list of four finite numbers", box


def problem_of_mask(mask: Any) -> Problem | None:
    """None for a compressed RLE, as far as its form shows."""
    wrong = "segmentation is no compressed RLE"
    if isinstance(mask, list):
        return f"{wrong} but a list of numbers (polygons or pixels)", mask
    if not isinstance(mask, dict):
        return wrong, mask
    counts, size = mask.get("counts"), mask.get("size")
    if isinstance(counts, list):
        return f"{wrong} but one with its counts as numbers", mask
    if not isinstance(counts, str) or not isinstance(size, list) or len(size) != 2:
        return wrong, mask
    if counts.startswith(("b'", 'b"')) and counts.endswith(counts[1]):
        return "the counts of segmentation are the text of Python's bytes, {}; decode them before writing", counts
    return None
