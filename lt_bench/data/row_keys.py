"""One number for each row of some columns: equal where the rows are, and nearly only there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PRIME = np.uint64(0x9E3779B97F4A7C15)


def row_keys(columns: Iterable[NDArray[Any]]) -> NDArray[np.uint64]:
    """uint64 [N]. columns: numbers [N] each, which are compared as float64 and bit by bit; at least one."""
    keys: NDArray[np.uint64] | None = None
    for column in columns:
        values = np.ascontiguousarray(column, dtype=np.float64).view(np.uint64)
        keys = np.zeros(len(values), dtype=np.uint64) if keys is None else keys
        keys *= _PRIME
        keys ^= values
        keys ^= keys >> np.uint64(29)
    assert keys is not None
    return keys
