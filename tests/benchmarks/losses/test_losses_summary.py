from __future__ import annotations

from typing import Any

import pytest

from benchmarks.losses.summary import summarize

RESULT: dict[str, Any] = {
    "loss": "ecm",
    "rois": 1024,
    "classes": 1203,
    "logits_bytes": 4_000_000,
    "peak_bytes": {"ours": 8_000_000, "reference": 40_000_000, "cross_entropy": 12_000_000},
    "seconds": {
        "ours": [0.002, 0.009, 0.002],
        "reference": [0.010, 0.010, 0.050],
        "cross_entropy": [0.001, 0.001, 0.001],
        "copy": [0.0005, 0.0005, 0.0005],
    },
}


def test_summary_by_hand() -> None:
    summary = summarize(RESULT)
    assert summary.speedup == pytest.approx(5)
    assert summary.over_cross_entropy == pytest.approx(2)
    assert summary.reference_over_cross_entropy == pytest.approx(10)
    assert (summary.memory, summary.reference_memory) == (2, 10)
    assert summary.spread == pytest.approx(3.5)  # the middle half of 2, 2, 9 reaches from 2 to 9
    assert summary.bandwidth == pytest.approx(6e9)  # 12 MB in 2 ms
    assert summary.of_copy == pytest.approx(6 / 16)  # the copy moves 8 MB in 0.5 ms
