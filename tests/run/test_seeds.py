"""Several seeds one after the other: what is asked for, what a failure costs, and that an interrupt ends all.

The runs are commands that copy a record into their folder, or fail; tests/cli/test_run.py has real ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lt_bench.errors import UserError
from lt_bench.leaderboard.store import read
from lt_bench.run.seeds import MOST, failures, parse_seeds, run_seeds

RECORD = next((Path(__file__).resolve().parents[2] / "leaderboards" / "results").rglob("*.json"))


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("1", (0,)),
        ("5", (0, 1, 2, 3, 4)),
        ("0,1,7", (0, 1, 7)),
        ("7, 1", (7, 1)),
        ("3,4294967295", (3, 2**32 - 1)),
        ("5,", (5,)),
        ("0 , ", (0,)),
        ("4294967295,", (2**32 - 1,)),
        ("0,1,", (0, 1)),
        (str(MOST), tuple(range(MOST))),
    ],
)
def test_a_count_or_a_list(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "is a count, and asks for no run\n.*--seeds 0, with the comma"),
        ("0,0", "the seed 0 is given twice"),
        ("1,01", "the seed 1 is given twice"),
        ("-1", "neither a count nor a list"),
        ("0,-1", "neither a count nor a list"),
        ("a", "neither a count nor a list"),
        ("", "neither a count nor a list"),
        (",", "neither a count nor a list"),
        ("3,,", "neither a count nor a list"),
        (",3", "neither a count nor a list"),
        ("4294967296,", "4294967296 is no seed"),
        ("3,3,", "the seed 3 is given twice"),
        ("0,,1", "neither a count nor a list"),
        ("1.0", "neither a count nor a list"),
        ("1_0", "neither a count nor a list"),
        ("\u0661", "neither a count nor a list"),  # a digit, but not one of ours
        ("0-4", "neither a count nor a list"),
        ("101", "101 runs; 100 is the most\n.*--seeds 101, with the comma"),
        ("123456789", "123,456,789 runs"),
        (",".join(map(str, range(101))), "101 runs"),
        ("9" * 20, "give fewer"),
        ("9" * 5000, "neither a count nor a list"),
        ("0,4294967296", "4294967296 is no seed"),
    ],
)
def test_what_is_neither_says_so(text: str, message: str) -> None:
    with pytest.raises(UserError, match=f"(?s){message}") as caught:
        parse_seeds(text)
    assert caught.value.remedy


def python(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


def succeed(folder: Path) -> list[str]:
    """A run that leaves a record."""
    return python(f"import shutil; shutil.copy({str(RECORD)!r}, {str(folder / 'result.json')!r})")


def folders(root: Path, *seeds: int) -> dict[int, Path]:
    found = {seed: root / f"seed_{seed}" for seed in seeds}
    for folder in found.values():
        folder.mkdir()
    return found


TOLD = (
    "from lt_bench.errors import RunFailedError",
    "from lt_bench.run.seeds import telling_why",
    "with telling_why():",
)


@pytest.mark.parametrize(
    ("failing", "code", "reason"),
    [
        ((*TOLD, "    raise RunFailedError('the loss became NaN')"), 1, "the loss became NaN"),
        ((*TOLD, "    [][3]"), 1, "IndexError: list index out of range"),
        (("raise SystemExit(3)",), 3, "exit code 3"),
        (("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)"), -9, "SIGKILL, perhaps for lack of memory"),
        (("pass",), 0, "result.json: cannot be read"),
    ],
)
def test_a_failed_seed_does_not_lose_the_others(tmp_path: Path, failing: Sequence[str], code: int, reason: str) -> None:
    where = folders(tmp_path, 4, 0, 2)
    (where[0] / "run.log").touch()
    commands = {4: succeed(where[4]), 0: python(*failing), 2: succeed(where[2])}
    runs = run_seeds(where, lambda seed: commands[seed])
    assert [run.seed for run in runs] == [4, 0, 2]
    assert [run.record for run in runs] == [read(RECORD), None, read(RECORD)]
    assert runs[1].code == code
    (line,) = failures(runs).splitlines()
    assert line.startswith("seed 0: ") and reason in line
    assert f"(log: {where[0] / 'run.log'})" in line


def test_without_a_log_the_folder_is_named(tmp_path: Path) -> None:
    where = folders(tmp_path, 1)
    assert f"(folder: {where[1]})" in failures(run_seeds(where, lambda seed: python("raise SystemExit(1)")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_and_all_that_would_follow(tmp_path: Path, number: int) -> None:
    """Sent to the first process alone, as `kill` does it."""
    where = folders(tmp_path, 0, 1)
    wait = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = python(
        "import logging, sys",
        "from pathlib import Path",
        "from lt_bench.run import seeds",
        "seeds.PATIENCE = 0.5",
        "logging.basicConfig(level=logging.INFO, format='%(message)s')",
        f"commands = {{0: {succeed(where[0])!r}, 1: [sys.executable, '-c', {wait!r}], 2: {succeed(tmp_path)!r}}}",
        f"seeds.run_seeds(dict.fromkeys(commands, Path({str(where[0])!r})), commands.get)",
    )
    process = subprocess.Popen(parent, stderr=subprocess.PIPE, text=True)
    until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").stat().st_size > 0)
    child = int((tmp_path / "pid").read_text(encoding="utf-8"))
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "finished seeds: 0\n" in said
    assert not (tmp_path / "result.json").exists()  # seed 2 was not begun
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


@pytest.mark.parametrize("patience", [0.2, 60])
def test_a_run_that_does_not_mind_the_interrupt_is_killed(tmp_path: Path, patience: float) -> None:
    """After its time is up, or at once when the user interrupts again."""
    ready, asked = tmp_path / "ready", tmp_path / "asked"
    stubborn = python(
        "import os, signal, time",
        f"signal.signal(signal.SIGINT, lambda *arguments: open({str(asked)!r}, 'w').close())",
        f"open({str(ready)!r} + '.new', 'w').write(str(os.getpid()))",
        f"os.rename({str(ready)!r} + '.new', {str(ready)!r})",
        "for _ in range(600): time.sleep(0.1)",  # none is left behind when this test fails
    )
    parent = python(
        "from pathlib import Path",
        "from lt_bench.run import seeds",
        f"seeds.PATIENCE = {patience}",
        f"seeds.run_seeds({{0: Path({str(tmp_path)!r})}}, lambda seed: {stubborn!r})",
    )
    process = subprocess.Popen(parent, stderr=subprocess.DEVNULL)
    until(ready.is_file)
    process.send_signal(signal.SIGTERM)  # unlike SIGINT, it makes the run be asked at once
    until(asked.is_file)
    if patience == 60:
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(ready.read_text(encoding="utf-8")), 0)


def until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("waited for a minute")
