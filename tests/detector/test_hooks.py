"""What a run notes of itself, on a runner that does nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook

from lt_bench.detector import hooks
from lt_bench.detector.hooks import FiniteLossHook, RunMeterHook, hook_of


def iterate(hook: FiniteLossHook, iteration: int, loss: float, last: int = 1000) -> None:
    """The iteration of this number, from 0 on."""
    runner: Any = SimpleNamespace(iter=iteration, max_iters=last)
    hook.after_train_iter(runner, iteration, outputs={"loss": torch.tensor(loss), "loss_mask": torch.tensor(0.5)})


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_was_not_finite_once_ends_the_run_at_the_next_reading(wrong: float) -> None:
    hook = FiniteLossHook(interval=4)
    for iteration, loss in enumerate((1.0, wrong, 2.0)):
        iterate(hook, iteration, loss)
    with pytest.raises(FloatingPointError, match=r"at or before iteration 4, where it is loss 3, loss_mask 0\.5"):
        iterate(hook, 3, 3.0)


def test_no_checkpoint_is_written_after_a_loss_that_was_not_finite() -> None:
    hook = FiniteLossHook()
    runner: Any = SimpleNamespace(iter=1)
    hook.before_save_checkpoint(runner, {})
    iterate(hook, 0, 1.0)
    hook.before_save_checkpoint(runner, {})
    iterate(hook, 1, float("nan"))
    with pytest.raises(FloatingPointError, match="iteration 2"):
        hook.before_save_checkpoint(runner, {})


def test_the_last_loss_is_read() -> None:
    hook = FiniteLossHook()
    iterate(hook, 5, 1.0, last=6)
    with pytest.raises(FloatingPointError):
        iterate(hook, 6, float("nan"), last=7)


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
