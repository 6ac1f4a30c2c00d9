"""The former home of the public classes."""

from __future__ import annotations

import lt_bench
from lt_bench import interface
from lt_bench.api.loss import widen


def test_the_former_home_has_what_lt_bench_has() -> None:
    assert interface.LongTailLoss is lt_bench.LongTailLoss
    assert interface.ClassStats is lt_bench.ClassStats
    assert interface.widen is widen
    assert set(interface.__all__) == {"ClassStats", "LongTailLoss", "widen"}
