"""Runs that are killed or asked to stop: started again, they end as if nothing had happened, bit for bit."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import small_model

from benchmarks.chaos.__main__ import LENGTHS
from benchmarks.chaos.killing import finish, kill_at_random, run
from benchmarks.chaos.state import differences, state_of
from lt_bench.utils.checkpoint_files import listed

pytestmark = pytest.mark.extra
FEDERATED = ("--loss=federated", *small_model())  # draws classes by a generator of its own
Start = Callable[[], subprocess.Popen[bytes]]


def wait_for(reached: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def stopped(folder: Path, start: Start, number: signal.Signals) -> tuple[int, str]:
    """Start a run, send the signal once it has written another checkpoint: exit code and what was said."""
    before, log = list_of(folder), folder.with_suffix(".log")
    said = log.stat().st_size if log.exists() else 0
    process = start()
    wait_for(lambda: list_of(folder) != before, process)
    os.kill(process.pid, number)
    code = process.wait(60)
    return code, log.read_bytes()[said:].decode()


def list_of(folder: Path) -> list[int]:
    return [checkpoint.iteration for checkpoint in listed(folder)]


def test_killed_warned_and_interrupted(tmp_path: Path) -> None:
    arguments = (*FEDERATED, *LENGTHS["2 epochs"])
    finish(tmp_path / "whole", arguments)
    folder = tmp_path / "stopped"
    assert kill_at_random(folder, arguments, random.Random(1), seconds=1.0)
    for number, expected in ((signal.SIGUSR1, 75), (signal.SIGINT, 130)):
        code, said = stopped(folder, lambda: run(folder, arguments), number)
        assert code == expected, said
        assert f"stopped by {number.name}" in said and "The same command goes on" in said
        assert f"iter_{list_of(folder)[-1]}.pth has what was done" in said or "epoch_1.pth" in said
        assert "Traceback" not in said
    finish(folder, arguments)
    cost = r"checkpoint (iter|epoch)_\d+\.pth: \d+\.\d s, \d+\.\d% of the time since the last one"
    assert re.search(cost, (folder / "run.log").read_text(encoding="utf-8"))
    whole = state_of(tmp_path / "whole")
    assert len(whole) > 1000
    assert differences(whole, state_of(folder)) == []


def test_two_processes_that_are_asked_to_stop(tmp_path: Path) -> None:
    arguments = (*FEDERATED, *LENGTHS["60 iterations"], "--gpus=2")
    finish(tmp_path / "whole", arguments)
    folder = tmp_path / "stopped"
    code, said = stopped(folder, lambda: run(folder, arguments), signal.SIGTERM)
    assert (code, "Traceback" in said) == (75, False), said
    assert "stopped by SIGTERM" in said
    finish(folder, arguments)
    assert differences(state_of(tmp_path / "whole"), state_of(folder)) == []


def test_a_run_whose_starter_is_killed_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    process = run(folder, (*FEDERATED, "--max-iters=2000", "--gpus=2"))
    wait_for(lambda: bool(list_of(folder)), process)
    assert len(workers(folder)) == 3  # torchrun's and its two
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while workers(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers(folder) == []


def workers(folder: Path) -> list[str]:
    """The command lines of the processes that train in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "lt_bench.run.train" in command and str(folder) in command:
            found.append(command)
    return found
