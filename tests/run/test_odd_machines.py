"""Runs and checks on machines that are set up oddly: no home, no name, other encodings and folders, no locks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_fixtures import command, without_lvis

from lt_bench.data.cache import cache_folder
from lt_bench.leaderboard.store import read

ROOT = Path(__file__).parents[2]
NOBODY = """
import pwd, sys
def unknown(*arguments):
    raise KeyError("uid not found")
pwd.getpwuid = pwd.getpwnam = unknown
"""
NO_LOCKS = 'sys.modules["fcntl"] = None\n'

pytestmark = pytest.mark.slow


def machine(folder: Path, start: str, **environment: str) -> dict[str, str]:
    """An environment without HOME whose processes run the code `start` first."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(start, encoding="utf-8")
    found = {name: value for name, value in os.environ.items() if name not in ("HOME", "USER", "LOGNAME")}
    paths = (str(folder), str(ROOT), os.environ.get("PYTHONPATH", ""))
    return {**found, "PYTHONPATH": os.pathsep.join(paths), **environment}


def started(cwd: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    words = (sys.executable, "-m", "lt_bench", *arguments)
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, check=False)


@pytest.mark.extra
def test_a_run_by_nobody_without_locks_in_a_folder_of_another_language(tmp_path: Path) -> None:
    cwd, work = tmp_path / "von hier", tmp_path / "Übung mit Leerzeichen" / "数据"
    cwd.mkdir()
    environment = machine(
        tmp_path / "start",
        NOBODY + NO_LOCKS,
        LT_BENCH_CACHE=str(cache_folder()),
        PYTHONIOENCODING="cp932",
        **without_lvis(tmp_path),
    )
    done = started(cwd, environment, *command("ecm", "--max-iters", "1", "--work-dir", str(work)))
    assert done.returncode == 0, done.stderr
    assert b"claim file" in done.stderr and b"Traceback" not in done.stderr
    assert read(work / "result.json").iterations == 1
    assert not list(work.glob("*.claim*"))
    assert [path.name for path in cwd.iterdir()] == ["work_dirs"]  # no folder that is called "~"


@pytest.mark.extra
def test_doctor_and_data_by_nobody_without_locks(tmp_path: Path) -> None:
    environment = machine(tmp_path / "start", NOBODY + NO_LOCKS, PYTHONIOENCODING="gbk", TMPDIR=str(tmp_path))
    environment.pop("LT_BENCH_CACHE", None)
    done = started(tmp_path, environment, "doctor", "--look-only")
    assert (done.returncode, done.stdout.split()[:2]) == (0, [b"ok", b"system"]), done.stderr
    done = started(tmp_path, environment, "data", "make", "no-such-preset")
    assert done.returncode == 2 and b"Traceback" not in done.stderr, done.stderr


def test_names_of_authors_in_other_encodings(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for environment in ({"PYTHONIOENCODING": "gbk"}, {"PYTHONIOENCODING": "cp932"}, plain):
        done = started(tmp_path, {**os.environ, **environment}, "losses")
        assert done.returncode == 0, done.stderr
        assert b"Cho and Kr" in done.stdout
