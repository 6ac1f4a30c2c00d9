"""One progress bar over all runs of a command; a line for each run where there is no terminal."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lt_bench.api.calibrations import in_words
from lt_bench.probe.workers import Outcome, Watcher

if TYPE_CHECKING:
    from lt_bench.probe.plan import ProbeRun


class RunsProgress(Watcher, AbstractContextManager["RunsProgress"]):
    """A context: the bar is there within it. total: the number of runs."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._total, self._ended = total, 0
        self._shares: dict[str, float] = {}  # of the runs that are going on
        self._bar: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> RunsProgress:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("eta"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._what(), total=float(self._total), note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def began(self, run: ProbeRun) -> None:
        self._shares[label(run)] = 0.0
        self._draw()

    def went_on(self, run: ProbeRun, share: float) -> None:
        self._shares[label(run)] = share
        self._draw()

    def left(self, run: ProbeRun) -> None:
        self._shares.pop(label(run), None)

    def ended(self, outcome: Outcome) -> None:
        self._ended += 1
        self._draw()
        self._say(f"{self._ended}/{self._total} {label(outcome.run)}: {summary(outcome)}")

    def _draw(self) -> None:
        if self._bar is not None:
            done = self._ended + sum(self._shares.values())
            note = ", ".join(f"{name} {share:.0%}" for name, share in self._shares.items())
            self._bar.update(self._task, completed=done, description=self._what(), note=note)

    def _what(self) -> str:
        return f"{self._ended} of {self._total} runs"

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def label(run: ProbeRun) -> str:
    """A run as people call it: the loss, what of it is not the default, any calibration, the seed."""
    values = run.config["loss"]["hyper_parameters"]
    settings = ", ".join(f"{name}={values[name]}" for name in run.config["loss"]["non_default"])
    calibration = "" if run.calibration is None else f" + {in_words(run.calibration)}"
    return f"{run.loss}{f' ({settings})' if settings else ''}{calibration} seed {run.seed}"


def summary(outcome: Outcome) -> str:
    """A line about what came of a run."""
    record = outcome.record
    if record is None:
        return f"failed: {outcome.reason}"
    values = record.metrics.of("bbox").model_dump()
    figures = ", ".join(f"{name} {100 * values[name]:.2f}" for name in ("AP", "APr", "APc", "APf") if values[name] >= 0)
    return f"{figures} ({record.training_seconds:.1f} s + {record.evaluation_seconds:.1f} s)"
