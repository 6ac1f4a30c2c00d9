"""Cells of a table: numbers as text. AP in percent, times and memory in units that can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lt_bench.leaderboard.schema import ResultRecord

ABSENT = "-"


def mean_and_deviation(values: NDArray[np.float64]) -> str:
    """Mean and sample standard deviation, in percent, of the values that are there; no ± for a single one."""
    there = values[~np.isnan(values)]
    if not len(there):
        return ABSENT
    mean = f"{100 * there.mean():.2f}"
    return mean if len(there) == 1 else f"{mean} ± {100 * there.std(ddof=1):.2f}"


def points(value: float, digits: int = 1) -> str:
    """A difference in percentage points, with its sign: "+1.2", "-0.3", "0.0"."""
    if math.isnan(value):
        return ABSENT
    rounded = round(100 * value, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def number_of_runs(count: int) -> str:
    return "1 (single run)" if count == 1 else str(count)


def duration(seconds: float) -> str:
    """h:mm:ss, rounded to the second."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def memory(records: Sequence[ResultRecord]) -> str:
    """The highest peak of each kind of memory."""
    peaks: dict[str, int] = {}
    for record in records:
        peaks[record.memory.kind] = max(record.memory.peak_bytes, peaks.get(record.memory.kind, 0))
    return ", ".join(f"{peak / 2**30:.1f} GiB ({kind})" for kind, peak in sorted(peaks.items()))
