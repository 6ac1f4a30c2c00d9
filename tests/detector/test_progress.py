"""Lines of progress on what is no terminal, by a clock that the test moves."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from lt_bench.detector import progress
from lt_bench.detector.progress import ProgressHook


class Unread:
    """A loss on a GPU that nobody may wait for."""

    def __float__(self) -> float:
        raise AssertionError("the loss was read")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [50.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def watched() -> tuple[ProgressHook, io.StringIO]:
    hook, text = ProgressHook(seconds_between_lines=30), io.StringIO()
    hook.console = Console(file=text, force_terminal=False, width=200)
    return hook, text


def test_a_resumed_run_is_foretold_by_the_speed_since_it_went_on(clock: list[float]) -> None:
    hook, text = watched()
    runner: Any = SimpleNamespace(iter=60, max_iters=100)
    hook.before_train(runner)
    for done in range(61, 66):
        clock[0] += 10
        runner.iter = done - 1
        hook.after_train_iter(runner, runner.iter, outputs={"loss": 1.25 if done == 63 else Unread()})
    hook.after_train(runner)
    # 37 iterations are left, of 10 seconds each
    assert text.getvalue().splitlines() == ["training: 100 iterations", "training: 63/100  eta 6:10  loss 1.250"]


def test_predicting_has_no_loss(clock: list[float]) -> None:
    hook, text = watched()
    runner: Any = SimpleNamespace(test_dataloader=[None] * 4)
    hook.before_test(runner)
    for index in range(4):
        clock[0] += 20
        hook.after_test_iter(runner, index)
    hook.after_test(runner)
    lines = [line.strip() for line in text.getvalue().splitlines()]
    assert lines == ["predicting: 4 iterations", "predicting: 2/4  eta 0:40", "predicting: 4/4  eta 0:00"]
    assert not hook.began
