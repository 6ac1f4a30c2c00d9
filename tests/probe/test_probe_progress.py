"""One bar over all runs on a terminal, a line for each run elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

from made_runs import made_record, made_run
from rich.console import Console

from lt_bench.probe.plan import Planner, ProbeRun
from lt_bench.probe.progress import RunsProgress, label
from lt_bench.probe.workers import Outcome


def two(planner: Planner, folder: Path) -> list[ProbeRun]:
    return [planner.run("ce", {}, 0, folder), planner.run("seesaw", {"p": 0.5}, 1, folder)]


def play(runs: list[ProbeRun], terminal: bool) -> str:
    stream = io.StringIO()
    with RunsProgress(2, Console(file=stream, force_terminal=terminal, width=200)) as progress:
        for run in runs:
            progress.began(run)
        progress.went_on(runs[1], 0.42)
        progress.ended(Outcome(runs[0], made_record(made_run(0.5, 0), "e" * 64)))
        progress.ended(Outcome(runs[1], None, "the loss became NaN"))
    return stream.getvalue()


def test_names_say_what_is_not_the_default(planner: Planner, tmp_path: Path) -> None:
    assert [label(run) for run in two(planner, tmp_path)] == ["ce seed 0", "seesaw (p=0.5) seed 1"]


def test_a_line_for_each_run(planner: Planner, tmp_path: Path) -> None:
    lines = play(two(planner, tmp_path), terminal=False).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("1/2 ce seed 0: AP ") and lines[0].endswith("(60.0 s + 1.0 s)")
    assert lines[1] == "2/2 seesaw (p=0.5) seed 1: failed: the loss became NaN"


def test_a_bar_on_a_terminal(planner: Planner, tmp_path: Path) -> None:
    text = play(two(planner, tmp_path), terminal=True)
    assert "2 of 2 runs" in text and "100%" in text and "1/2 ce seed 0: AP" in text
