"""Sweeps on this machine: killed, repeated, two at once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from command_line import forked
from made_sweeps import left_over, lines, made_sweep, started, states, wait_until

from lt_bench.sweep.state import status_of

pytestmark = [pytest.mark.slow, pytest.mark.extra]


def test_failures_are_retried_where_that_can_mend_them(tmp_path: Path) -> None:
    jobs = ("--fail=memory:1", "--fail=kill", "--fail=mistake", "--fail=nan", "--fail=kill:1")
    sweep = made_sweep(tmp_path, *jobs, retries=1, parallel=3)
    said, _ = started(sweep).communicate(timeout=120)
    assert said.splitlines()[-1] == "done,failed,failed,failed,done"
    assert [len(lines(job.folder / "starts")) for job in sweep.jobs] == [2, 2, 1, 1, 2]
    told = [status_of(job, {}) for job in sweep.jobs]
    assert [state.kind for state in told] == ["", "killed", "mistake", "error", ""]
    assert told[2].reason == "error: there is no loss 'x'"
    assert "SIGKILL" in told[1].reason


def test_a_killed_sweep_goes_on_with_the_same_command(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, *["--steps=60"] * 3, parallel=2)
    killed = started(sweep)
    wait_until(lambda: all(len(lines(job.folder / "steps")) > 12 for job in sweep.jobs[:2]))
    assert states(sweep) == ["running", "running", "not launched"]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    wait_until(lambda: states(sweep)[:2] == ["stopped", "stopped"])
    wait_until(lambda: left_over(tmp_path) == [])
    said, _ = started(sweep).communicate(timeout=120)
    assert said.splitlines()[-1] == "done,done,done"
    for job in sweep.jobs[:2]:
        assert lines(job.folder / "steps") == [str(step) for step in range(60)]  # nothing was done twice
    assert left_over(tmp_path) == []


def test_two_sweeps_share_the_work(tmp_path: Path) -> None:
    first = made_sweep(tmp_path, *["--steps=8"] * 6, parallel=2)
    second = made_sweep(tmp_path, *["--steps=8"] * 6, parallel=2, name="t")
    processes = [started(sweep) for sweep in (first, second)]
    for process in processes:
        said, _ = process.communicate(timeout=120)
        assert said.splitlines()[-1] == ",".join(["done"] * 6)
    assert [len(lines(job.folder / "starts")) for job in first.jobs] == [1] * 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    sweep = made_sweep(tmp_path, "--steps=2000", parallel=1)
    process = started(sweep)
    wait_until(lambda: len(lines(sweep.jobs[0].folder / "steps")) > 12)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert f"StoppedError: stopped by {number.name}" in said
    steps = lines(sweep.jobs[0].folder / "steps")
    assert (sweep.jobs[0].folder / "kept").read_text(encoding="utf-8") == str(len(steps))
    assert states(sweep) == ["stopped"]
    assert left_over(tmp_path) == []


def test_a_worker_that_is_lost_is_started_again(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, "--steps=60", parallel=1)
    process = started(sweep)
    wait_until(lambda: len(lines(sweep.jobs[0].folder / "steps")) > 12)
    attempt = sweep.jobs[0].folder / "attempt.json"
    os.kill(json.loads(attempt.read_bytes())["pid"], signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "done"
    assert lines(sweep.jobs[0].folder / "steps") == [str(step) for step in range(60)]


def test_a_finished_job_is_not_started(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, "--steps=1", parallel=1)
    for _ in range(2):
        started(sweep).communicate(timeout=60)
    assert len(lines(sweep.jobs[0].folder / "starts")) == 1


def verb(cwd: Path, *words: str) -> str:
    done = forked("sweep", *words, cwd=cwd)
    return done.stdout + done.stderr


def test_cancel_logs_status_and_retry(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path / "work_dirs", "--steps=2000", "--fail=nan", "--steps=2000", parallel=1)
    process = started(sweep)
    wait_until(lambda: len(lines(sweep.jobs[0].folder / "steps")) > 12)
    assert "2 of 2 jobs were asked to stop" in verb(tmp_path, "cancel", "job0", "job2")
    said, _ = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "stopped,failed,stopped"
    assert not (sweep.jobs[2].folder / "starts").exists()
    told = verb(tmp_path, "status")
    assert "3 jobs: 2 stopped, 1 failed" in told and "nan at iteration 7" in told
    assert [job["state"] for job in json.loads(verb(tmp_path, "status", "--json"))["jobs"]] == said.strip().split(",")
    assert "training: 12/2000" in verb(tmp_path, "logs", "job0", "-n", "3000")
    assert "job1 label 1: failed" in verb(tmp_path, "retry", "job1")  # by `lt_bench` itself, which refuses these words
    assert status_of(sweep.jobs[1], {}).kind == "mistake"
