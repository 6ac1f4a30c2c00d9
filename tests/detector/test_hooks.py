"""What a run notes of itself, on a runner that does nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from mmengine.hooks import Hook

from lt_bench.detector import hooks
from lt_bench.detector.finite_loss import FiniteLossHook
from lt_bench.detector.hooks import RunMeterHook, hook_of


def test_a_resumed_run_counts_the_time_of_all_its_parts_and_none_between(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(hooks, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(hooks, "peak_memory_bytes", lambda: 7)
    runner: Any = None
    checkpoint: dict[str, Any] = {}
    first, resumed = RunMeterHook(), RunMeterHook()
    first.before_train(runner)
    now[0] += 4
    first.before_save_checkpoint(runner, checkpoint)
    assert checkpoint["run_meter"] == {"training_seconds": 4.0, "peak_memory_bytes": 7}
    now[0] += 1000  # lost, and then the pause
    monkeypatch.setattr(hooks, "peak_memory_bytes", lambda: 5)
    resumed.after_load_checkpoint(runner, checkpoint)
    resumed.before_train(runner)
    now[0] += 3
    resumed.after_train(runner)
    now[0] += 50  # the evaluation
    resumed.before_save_checkpoint(runner, checkpoint)
    assert checkpoint["run_meter"] == {"training_seconds": 7.0, "peak_memory_bytes": 7}


def test_a_hook_is_found_by_its_kind() -> None:
    meter = RunMeterHook()
    runner: Any = SimpleNamespace(hooks=[Hook(), meter, FiniteLossHook()])
    assert hook_of(runner, RunMeterHook) is meter
