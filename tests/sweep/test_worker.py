"""A job's worker, in this process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_sweeps import PROGRAM, lines, made_sweep

from lt_bench.sweep import worker
from lt_bench.sweep.attempt import claim, forget, read_attempt
from lt_bench.sweep.worker import Worker
from lt_bench.utils.locks import locked


@pytest.fixture(autouse=True)
def signals_stay() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    worker._told.clear()


def made_worker(folder: Path, options: str, retries: int = 1) -> Worker:
    sweep = made_sweep(folder, options)
    return Worker(sweep.jobs[0], (*PROGRAM, *sweep.jobs[0].words), retries, pause=0.0)


@pytest.mark.parametrize(
    ("options", "outcome", "starts", "kind"),
    [
        ("", "done", 1, ""),
        ("--fail=memory:1", "done", 2, ""),
        ("--fail=kill", "failed", 2, "killed"),
        ("--fail=mistake", "failed", 1, "mistake"),
        ("--fail=nan", "failed", 1, "error"),
    ],
)
def test_what_another_try_mends_is_tried_again(
    tmp_path: Path, options: str, outcome: str, starts: int, kind: str
) -> None:
    one = made_worker(tmp_path, options)
    assert one() == outcome
    attempt = read_attempt(one.folder)
    assert attempt is not None
    assert (attempt.state, attempt.starts, attempt.kind) == (outcome, starts, kind)
    assert len(lines(one.folder / "starts")) == starts
    assert one() == outcome  # given again: nothing is started
    assert len(lines(one.folder / "starts")) == starts
    forget(one.folder)
    assert one() == outcome
    assert len(lines(one.folder / "starts")) == (starts if outcome == "done" else 2 * starts)


def test_a_job_that_another_one_holds_is_left_alone(tmp_path: Path) -> None:
    one = made_worker(tmp_path, "")
    with claim(one.folder):
        assert one() == "elsewhere"
    with locked(one.folder / ".lock"):  # a run that was started by hand
        assert one() == "elsewhere"
    assert not (one.folder / "starts").exists()


def test_a_run_stopped_alone_is_started_again_and_one_stopped_with_its_worker_is_not(tmp_path: Path) -> None:
    one = made_worker(tmp_path, "--steps=1")
    stopping = (
        "sh",
        "-c",
        f"echo x >> {one.folder}/starts; [ -e {one.folder}/once ] || {{ > {one.folder}/once; exit 75; }}",
    )
    again = Worker(one.job, stopping, 1, pause=0.0)
    assert again() == "done"
    assert len(lines(one.folder / "starts")) == 2
    telling = Worker(one.job, ("sh", "-c", "kill -TERM $PPID; sleep 1; exit 75"), 1, pause=0.0)
    forget(one.folder)
    assert telling() == "stopped"
    attempt = read_attempt(one.folder)
    assert attempt is not None and (attempt.state, attempt.reason) == ("stopped", "SIGTERM")
