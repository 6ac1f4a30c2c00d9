"""What the user of a run sees while it goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class ProgressLine:
    """A progress bar with ETA on a terminal; a line now and then otherwise. unit: of what is counted."""

    def __init__(self, seconds_between_lines: float = 30.0, unit: str = "iterations") -> None:
        self.unit = unit
        self.console = Console(stderr=True)
        self.seconds_between_lines = seconds_between_lines
        self._bar: Progress | None = None
        self._task: Any = None
        self._total = 0
        self._start = 0.0
        self._start_at = 0
        self._last_line = 0.0

    def open(self, what: str, total: int, done: int = 0) -> None:
        """Begin to show `what`, of which `done` of `total` is there already."""
        if not is_main_process():
            return
        self._total, self._start_at = total, done
        self._start = self._last_line = time.monotonic()
        self._what = what
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("eta"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=self.console,
            )
            self._bar.start()
            self._task = self._bar.add_task(what, total=total, completed=done, note="")
        else:
            self.console.print(f"{what}: {total} {self.unit}")

    def advance(self, done: int, outputs: Any = None) -> None:
        """The loss is read, which waits for a GPU, where it is shown."""
        if not is_main_process():
            return
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=_note(outputs))
            return
        now = time.monotonic()
        if now - self._last_line >= self.seconds_between_lines and done > self._start_at:
            self._last_line = now
            rate = (now - self._start) / (done - self._start_at)
            left = int(rate * (self._total - done))
            eta = f"eta {left // 60}:{left % 60:02d}"
            self.console.print(f"{self._what}: {done}/{self._total}  {eta}  {_note(outputs)}")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class ProgressHook(ProgressLine, Hook):
    """Shows training and testing. began: whether training has begun."""

    priority = "VERY_LOW"

    def __init__(self, seconds_between_lines: float = 30.0) -> None:
        super().__init__(seconds_between_lines)
        self.began = False

    def before_train(self, runner: Runner) -> None:
        self.began = True
        self.open("training", runner.max_iters, runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        done = runner.iter + 1
        if self._bar is None or done % 10 == 0:
            self.advance(done, outputs)

    def after_train(self, runner: Runner) -> None:
        self.close()

    def before_test(self, runner: Runner) -> None:
        self.open("predicting", len(runner.test_dataloader))

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[Any] | None = None
    ) -> None:
        self.advance(batch_idx + 1)

    def after_test(self, runner: Runner) -> None:
        self.close()


def _note(outputs: Any) -> str:
    return f"loss {float(outputs['loss']):.3f}" if isinstance(outputs, dict) and "loss" in outputs else ""
