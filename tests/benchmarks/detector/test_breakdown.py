from __future__ import annotations

import time

import pytest
import torch

from benchmarks.common import OURS
from benchmarks.detector import breakdown
from benchmarks.detector.pair import Pair, _NearObjects


@pytest.mark.extra
def test_parts_exclude_what_is_inside_and_leave_no_trace(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    clock = breakdown._Clock(torch.device("cpu"))
    with clock.part("outer"):
        with clock.part("inner"):
            pass
        with clock.part("inner"):
            pass
    assert clock.seconds == {"outer": 3, "inner": 2}
    model = pair.detectors[OURS].model
    with clock.watch(pair.detectors[OURS], breakdown.TRAINING_PARTS):
        assert "extract_feat" in vars(model)
    assert "extract_feat" not in vars(model)
    assert isinstance(model.rpn_head.loss_and_predict, _NearObjects)
