from __future__ import annotations

from typing import Any

import pytest

from benchmarks.common import OURS, STOCK
from benchmarks.detector.summary import compare
from lt_bench.errors import RunFailedError

RESULT: dict[str, Any] = {
    "task": "training step",
    "classes": 1203,
    "setting": "r50",
    "seconds": {STOCK: [2.0, 8.0, 3.0], OURS: [1.0, 5.0, 2.0]},
    "peak_bytes": {STOCK: 10_000, OURS: 8_000},
}


def test_summary_by_hand() -> None:
    comparison = compare(RESULT)
    assert comparison.seconds == {STOCK: 3.0, OURS: 2.0}
    assert comparison.faster == 1.6  # of 2, 1.6 and 1.5
    assert comparison.memory == 0.8
    with pytest.raises(RunFailedError, match="3 samples of stock, 1 of lt_bench"):
        compare({**RESULT, "seconds": {STOCK: [1, 2, 3], OURS: [1]}})
