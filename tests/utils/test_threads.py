"""Threads: as many as cores that may be used, and asleep while they wait."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lt_bench.utils import threads

PRINT = "import lt_bench.__main__, os, torch; print(os.environ['OMP_WAIT_POLICY'], torch.get_num_threads())"


def printed(code: str, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "LT_BENCH_THREADS"))}
    done = subprocess.run(
        (sys.executable, "-c", code), env={**clean, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_the_command_line_prepares_before_torch_is_loaded() -> None:
    assert printed(PRINT) == f"PASSIVE {threads.usable_cores()}"


@pytest.mark.slow
def test_what_the_user_has_set_stays() -> None:
    assert printed(PRINT, OMP_WAIT_POLICY="ACTIVE", OMP_NUM_THREADS="1") == "ACTIVE 1"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="cores are bound on Linux only")
def test_a_process_bound_to_one_core_has_one_thread() -> None:
    bound = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {PRINT}"
    assert printed(bound) == "PASSIVE 1"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": "what?"}, None),
        ({}, None),
    ],
)
def test_a_containers_share_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    monkeypatch.setattr(threads, "_CGROUP", tmp_path)
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda pid: range(64))
    assert threads._share() == expected
    assert threads.usable_cores() == max(1, int(expected or 64))


def test_processes_that_share_the_cores_share_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: 8)
    for name in ("OMP_NUM_THREADS", "LT_BENCH_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert threads.environment(2)["OMP_NUM_THREADS"] == "4"
    assert threads.environment(16)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads.environment(2)["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    threads.prepare()  # what was chosen for one process is no wish of the user's
    assert threads.environment(2)["OMP_NUM_THREADS"] == "4"


def test_a_process_started_from_one_that_prepared_shares_the_threads_too() -> None:
    inner = "from lt_bench.utils import threads; threads.prepare(); print(threads.environment(2)['OMP_NUM_THREADS'])"
    outer = (
        "import os, subprocess, sys; from lt_bench.utils import threads; threads.prepare(); "
        f"subprocess.run((sys.executable, '-c', {inner!r}), check=True)"
    )
    assert printed(outer) == str(max(1, threads.usable_cores() // 2))
    assert printed(outer, OMP_NUM_THREADS="7") == "7"
