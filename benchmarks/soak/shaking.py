"""One round: a small sweep whose processes are killed at random, until all of its jobs are done."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.soak.marked import MARK, SIGNALS, marked
from lt_bench.errors import UserError
from lt_bench.sweep.job import Job, read_sweep
from lt_bench.sweep.state import JobStatus, status_of

POLL = 0.3  # seconds
PATIENCE = 1800.0  # seconds that a round may take
QUIET = 120.0  # seconds in which every process of a round that is done has to be gone
_CODES = (0, 1, 75, 130)  # done, jobs missing, asked to stop
SWEEPS = Path("work_dirs") / "sweeps"


def start(home: Path, mark: str, words: Sequence[str], said: Path) -> subprocess.Popen[bytes]:
    """`lt_bench` with its work_dirs and temporary files below `home`, in a session of its own."""
    (home / "tmp").mkdir(exist_ok=True)
    environment = {**os.environ, MARK: mark, "TMPDIR": str(home / "tmp")}
    with said.open("ab") as log:
        return subprocess.Popen(
            (sys.executable, "-m", "lt_bench", *words),
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class Round:
    """A sweep of the runs that `words` stand for, started `launchers` times at once, which share the work.

    kills: how many processes are killed at most, each up to `pace` seconds after the one before. tick: is called
    all the time.
    """

    def __init__(
        self,
        home: Path,
        name: str,
        words: Sequence[str],
        dice: random.Random,
        launchers: int,
        kills: int,
        pace: float,
        tick: Callable[[], None],
    ) -> None:
        self.home, self.name, self.words, self.dice = home, name, tuple(words), dice
        self.kills_left, self.pace, self.tick = kills, pace, tick
        self.mark = f"{os.getpid()}-{name}"
        self.kills: list[str] = []
        self.killed: set[int] = set()
        self.problems: list[str] = []
        self.starts = 0
        self.processes = [self._start(retry=False) for _ in range(launchers)]

    def run(self) -> dict[str, Any]:
        """What was killed, how often the sweep was started, and what is wrong."""
        began = time.monotonic()
        try:
            self._until_done(began + PATIENCE)
        finally:
            for process in self.processes:
                process.kill()  # what it started notices that, and leaves
        seconds = time.monotonic() - began
        self._wait_for_quiet()
        return {
            "round": self.name,
            "jobs": len(self.jobs()),
            "done": sum(state.state == "done" for state in self._states()),
            "starts": self.starts,
            "kills": self.kills,
            "seconds": round(seconds, 1),
            "problems": self.problems,
        }

    def _until_done(self, deadline: float) -> None:
        self._plan_kill()
        while self.processes:
            time.sleep(POLL)
            self.tick()
            if self.kills_left and time.monotonic() >= self.next_kill:
                self._kill()
                self._plan_kill()
            self.processes = [new for process in self.processes if (new := self._after(process)) is not None]
            if time.monotonic() > deadline:
                self.problems.append(f"{self.name}: not done after {PATIENCE:.0f} s: {self._described()}")
                return

    def jobs(self) -> tuple[Job, ...]:
        with suppress(UserError):  # the sweep was killed before it wrote what it consists of
            return read_sweep(self.home / SWEEPS, self.name).jobs
        return ()

    def _states(self) -> list[JobStatus]:
        return [status_of(job, {}) for job in self.jobs()]

    def _start(self, retry: bool) -> subprocess.Popen[bytes]:
        self.starts += 1
        verb = ("sweep", "retry", f"--name={self.name}") if retry else ("sweep", *self.words, f"--name={self.name}")
        return start(self.home, self.mark, verb, self.home / f"{self.name}.log")

    def _after(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes] | None:
        """The process itself while it runs, then another one as long as jobs are missing, None at the end."""
        code = process.poll()
        if code is None:
            return process
        states = self._states()
        if code not in _CODES and process.pid not in self.killed:
            self.problems.append(f"{self.name}: a sweep ended with code {code}: {self._described()}")
        wrong = [state for state in states if state.state == "failed" and state.kind not in ("killed", "memory")]
        if wrong:
            self.problems += [f"{state.label} failed ({state.kind}): {state.reason}" for state in wrong]
        if (states and all(state.state == "done" for state in states)) or self.problems:
            return None
        return self._start(retry=any(state.state == "failed" for state in states))

    def _plan_kill(self) -> None:
        self.next_kill = time.monotonic() + self.dice.uniform(0, self.pace)

    def _kill(self) -> None:
        by_role = {one.role: one for one in self.dice.sample(found, len(found))} if (found := marked(self.mark)) else {}
        roles = sorted(role for role in by_role if role in SIGNALS)
        if roles:
            victim = by_role[self.dice.choice(roles)]
            number = self.dice.choice(SIGNALS[victim.role])
            with suppress(ProcessLookupError):
                os.kill(victim.pid, number)
                self.killed.add(victim.pid)
                self.kills.append(f"{victim.role} {number.name}")
                self.kills_left -= 1

    def _wait_for_quiet(self) -> None:
        deadline = time.monotonic() + QUIET
        while (left := marked(self.mark)) and time.monotonic() < deadline:
            time.sleep(POLL)
            self.tick()
        self.problems += [f"{self.name}: process {one.pid} was left behind: {one.words[:200]}" for one in left]
        for one in left:
            with suppress(ProcessLookupError):
                os.kill(one.pid, 9)

    def _described(self) -> str:
        states = ", ".join(f"{state.label} {state.state}" for state in self._states())
        said = (self.home / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")
        return f"{states}; its last words: {said[-600:].strip()}"
