"""Sweeps whose runs are `stand_in.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lt_bench.sweep.job import Job, Settings, Sweep
from lt_bench.sweep.state import status_of

HERE = Path(__file__).resolve().parent
PROGRAM = (sys.executable, str(HERE / "stand_in.py"))
START = """
import sys
from pathlib import Path
from lt_bench.cli.common import log_to_terminal
from lt_bench.sweep import local
from lt_bench.sweep.job import Sweep
log_to_terminal()
sweep = Sweep.model_validate_json((Path(sys.argv[1]) / "sweep.json").read_bytes())
states = local.run_here(sweep, sweep.jobs, [], lambda states: None, sys.argv[2:])
print(",".join(state.state for state in states))
"""


def made_sweep(folder: Path, *jobs: str, launcher: str = "local", name: str = "s", **settings: object) -> Sweep:
    """A sweep in `folder`, written. jobs: the options of `stand_in.py` for each, without its folder."""
    sweep = Sweep(
        path=folder / "sweeps" / name,
        jobs=tuple(
            Job(
                name=f"job{number}",
                label=f"label {number}",
                folder=folder / f"run{number}",
                words=(f"--work-dir={folder / f'run{number}'}", *options.split()),
            )
            for number, options in enumerate(jobs)
        ),
        settings=Settings.model_validate({"launcher": launcher, "pause": 0.1, **settings}),
    )
    sweep.write()
    return sweep


def started(sweep: Sweep) -> subprocess.Popen[str]:
    """The sweep in a process of its own, whose output is the states at the end."""
    command = (sys.executable, "-c", START, str(sweep.path), *PROGRAM)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ))


def states(sweep: Sweep) -> list[str]:
    return [status_of(job, {}).state for job in sweep.jobs]


def wait_until(reached: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def left_over(folder: Path) -> list[str]:
    """The command lines of processes that have to do with a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(folder) in command and int(path.parent.name) != os.getpid():
            found.append(command)
    return found
