"""The marks `iscrowd` and `ignore` of annotations, where they are neither 0 nor 1."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.lvis import LVISFile

FLAGS = ("iscrowd", "ignore")
BATCH = 1 << 14  # entries that are read at once
_VALUE = re.compile(rb'"(?:iscrowd|ignore)"\s*:\s*([^\s,}\]]*)')
_PLAIN = {b"0", b"1", b"true", b"false", b"null"}


def odd_flags(file: LVISFile) -> NDArray[np.bool_]:
    """The annotations with such a mark, [A]. Python takes any text for set, "0" too.

    Only those that are marked are read, and few of them parsed.
    """
    columns = file.columns
    odd = np.zeros(len(columns["ignore"]), dtype=bool)
    marked = np.flatnonzero(columns["crowd"] | columns["ignore"])
    for begin in range(0, len(marked), BATCH):
        rows = marked[begin : begin + BATCH]
        for row, entry in zip(rows.tolist(), file.annotations.raw_at(rows), strict=True):
            if not _PLAIN.issuperset(_VALUE.findall(entry)):
                odd[row] = bool(odd_values(json.loads(entry)))
    return odd


def odd_values(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Those of FLAGS that are neither 0 nor 1, false nor true, nor absent."""
    return {name: annotation[name] for name in FLAGS if not _is_flag(annotation.get(name))}


def _is_flag(value: Any) -> bool:
    return value is None or (type(value) in (bool, int, float) and value in (0, 1))
