"""The soak finds what is left behind, and a short one finds nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.soak.__main__ import main
from benchmarks.soak.left import held_locks, temporary_files
from benchmarks.soak.marked import MARK, marked
from benchmarks.soak.steady import LIMIT, Steady, growth
from lt_bench.utils.locks import locked

FORKS = "import os, sys, time; child = os.fork(); print(child, flush=True) if child else None; time.sleep(60)"


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_processes_are_found_by_what_they_inherit(processes: list[subprocess.Popen[str]]) -> None:
    """Roles by the words of their commands; the forked child of a run is one of its loader workers."""
    ends = {"sweep": ("lt_bench", "sweep"), "run": ("lt_bench", "run"), "worker": ("submitit.core._submit",)}
    expected: dict[int, str] = {}
    for role, words in ends.items():
        process = subprocess.Popen(
            (sys.executable, "-c", FORKS, *words),
            env={**os.environ, MARK: "1-x"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        assert process.stdout is not None
        child = int(process.stdout.readline())
        expected |= {process.pid: role, child: "worker" if role == "worker" else "loader"}
    assert {one.pid: one.role for one in marked("1-x")} == expected
    assert marked("1-") == [] == marked("2-x")


def test_temporary_files_are_found_but_in_unfinished_runs(tmp_path: Path) -> None:
    for name in ("done/.result.json.x1.part", "done/.stop", "other/.run.json.a.part", "done/result.json", "done/.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = temporary_files(tmp_path, [tmp_path / "other"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["done/.result.json.x1.part", "done/.stop"]


def test_a_lock_counts_only_while_it_is_held(tmp_path: Path) -> None:
    lock = tmp_path / "run" / ".lock"
    with locked(lock):
        assert held_locks(tmp_path) == [lock]
    assert lock.is_file() and held_locks(tmp_path) == []


def test_memory_that_grows_is_told_from_one_that_is_warming_up() -> None:
    assert growth([1.0] * 11) is None
    assert growth([10, 20, 90, *[100.0] * 9]) == 0
    climbing = growth([100.0 + place for place in range(40)])
    assert climbing is not None and climbing > LIMIT
    falling = growth([200.0 - place for place in range(40)])
    assert falling is not None and falling < 0


@pytest.mark.parametrize(("code", "wrong"), [(75, False), (0, False), (1, True)])
def test_how_a_process_that_nobody_kills_has_to_leave(code: int, wrong: bool) -> None:
    script = f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit({code})); print(1, flush=True)"
    wait = "" if code == 0 else "; signal.pause()"
    process = subprocess.Popen((sys.executable, "-c", script + wait), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    if code == 0:
        process.wait()
    assert bool(Steady("x", process, whole_session=False).stop()) == wrong


@pytest.mark.extra
def test_a_round_of_two_runs_leaves_nothing_behind(tmp_path: Path) -> None:
    words = ("--minutes", "0", "--steps", "4", "--losses", "ce", "--rounds-only", "--out", str(tmp_path))
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    data = json.loads((tmp_path / "soak.json").read_text(encoding="utf-8"))
    (row,) = data["rounds"]
    assert (row["jobs"], row["done"], data["records"], data["problems"]) == (2, 2, 2, [])
    assert row["starts"] >= 1 and row["kills"]
    assert "| problems" in (tmp_path / "soak.md").read_text(encoding="utf-8")
