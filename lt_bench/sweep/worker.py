"""What submitit runs for a job: its run in a process of its own, again where another try can mend what failed.

Signals come here. A warning (SIGUSR2, submitit's) or SIGTERM makes the run save and leave; after a warning submitit
gives the job back to the scheduler, which starts it again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any, Literal

from lt_bench.run.folder import RunFolder
from lt_bench.run.seeds import REASON, STOPPED, describe_exit
from lt_bench.sweep import ranks
from lt_bench.sweep.attempt import LOG, Attempt, begun, claim, now, read_attempt, write_attempt
from lt_bench.sweep.causes import MENDED_BY_RETRY, kind_of
from lt_bench.sweep.job import Job
from lt_bench.sweep.processes import Process
from lt_bench.sweep.state import finished
from lt_bench.utils.system import end_with_parent

POLL = 0.2  # seconds between two looks at the run's process
TAIL = 20_000  # bytes of the log in which reasons are looked for

Outcome = Literal["done", "failed", "stopped", "elsewhere"]

_child: subprocess.Popen[bytes] | None = None
_told: list[str] = []  # why the run was asked to stop


@dataclass(frozen=True)
class Worker:
    """One job, as submitit pickles it.

    command: of its run. starter: the process that ends this one when it is gone, None
    where the scheduler alone decides. pause: seconds before another try.
    """

    job: Job
    command: tuple[str, ...]
    retries: int
    starter: Process | None = None
    pause: float = 5.0

    def __call__(self) -> Outcome:
        environment = ranks.environment()
        if ranks.number() > 0:  # it does as rank 0 does, whose run writes the record
            _wait(self._start(environment, sys.stdout), self.starter)
            return "done"
        signal.signal(signal.SIGTERM, _leave)
        try:
            with claim(self.folder):
                return self._settled() or self._until_done(environment)
        except TimeoutError as error:
            print(f"{error} works in {self.folder}")
            if environment:
                raise  # the other ranks wait for this one, and the scheduler ends them when it fails
            return "elsewhere"

    def checkpoint(self, *arguments: Any, **keywords: Any) -> Any:
        """Called by submitit in its handler of the warning: save, leave, and be submitted again."""
        from submitit.helpers import DelayedSubmission

        _told.append("the scheduler's warning")
        _leave_now(signal.SIGUSR1)
        attempt = _current.get(self.folder)
        if attempt is not None:
            _note_stopped(self.folder, attempt)
        return DelayedSubmission(self, *arguments, **keywords)

    __submitit_checkpoint__ = checkpoint  # its name in later versions of submitit

    @property
    def folder(self) -> Path:
        return self.job.folder

    def _settled(self) -> Outcome | None:
        """What another sweep has made of the job since this one was submitted, if nothing is left to do."""
        attempt = read_attempt(self.folder)
        if finished(self.job) is not None:
            return "done"
        return "failed" if attempt is not None and attempt.state == "failed" else None

    def _until_done(self, environment: Mapping[str, str]) -> Outcome:
        tries = 0
        while True:
            attempt = begun(self.folder, os.getpid(), ranks.job_id())
            _current[self.folder] = attempt
            reason_file = self.folder / ".reason"
            reason_file.unlink(missing_ok=True)
            with (self.folder / LOG).open("ab") as log:
                code = _wait(self._start({**environment, REASON: str(reason_file)}, log), self.starter)
            reason = reason_file.read_text(encoding="utf-8") if reason_file.is_file() else ""
            reason_file.unlink(missing_ok=True)
            if code == 0:
                write_attempt(self.folder, attempt.model_copy(update={"state": "done", "ended": now()}))
                return "done"
            if _told:
                _note_stopped(self.folder, attempt)
                return "stopped"
            kind = "killed" if code in STOPPED else kind_of(code, f"{reason}\n{_tail(self.folder / LOG)}")
            failed = {"kind": kind, "reason": reason or _last_words(self.folder, code), "code": code, "ended": now()}
            write_attempt(self.folder, attempt.model_copy(update={"state": "failed", **failed}))
            if kind not in MENDED_BY_RETRY or tries >= self.retries:
                return "failed"
            tries += 1
            print(f"{describe_exit(code)}: try {tries} of {self.retries} follows", flush=True)
            time.sleep(self.pause)

    def _start(self, environment: Mapping[str, str], output: IO[Any]) -> subprocess.Popen[bytes]:
        global _child
        _child = subprocess.Popen(
            self.command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at a terminal is for the sweep, which asks to save
            preexec_fn=_prepare,
        )
        if _told:  # while it was being started
            _child.send_signal(signal.SIGTERM)
        return _child


_current: dict[Path, Attempt] = {}


def _prepare() -> None:
    """In the run's process, before it begins: the warning is this process's, and it ends with it."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # SLURM sends it to all of a step; by default it kills
    end_with_parent()


def _leave(number: int, frame: FrameType | None) -> None:
    _told.append(signal.Signals(number).name)
    if _child is not None:
        with suppress(ProcessLookupError):
            _child.send_signal(signal.SIGTERM)


def _leave_now(number: signal.Signals) -> None:
    """Ask the run to save and wait for its end, without taking its exit code from whoever waits for it already."""
    if _child is None:
        return
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(_child.pid, number)
        os.waitid(os.P_PID, _child.pid, os.WEXITED | os.WNOWAIT)


def _wait(process: subprocess.Popen[bytes], starter: Process | None) -> int:
    """The exit code. The run is asked to save and to leave when the `starter` is gone."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(POLL)
        if starter is not None and not _told and not starter.is_alive():
            _told.append("the sweep was killed")
            process.send_signal(signal.SIGTERM)


def _note_stopped(folder: Path, attempt: Attempt) -> None:
    write_attempt(folder, attempt.model_copy(update={"state": "stopped", "reason": _told[0], "ended": now()}))


def _tail(path: Path) -> str:
    with suppress(OSError), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - TAIL))
        return stream.read().decode(errors="replace")
    return ""


def _last_words(folder: Path, code: int) -> str:
    """The reason of a run that could not write it down: how its process ended, and the last lines of what it said."""
    lines = [line for line in _tail(folder / LOG).splitlines() if line.strip()]
    said = "\n".join(lines[-3:])
    return f"{describe_exit(code)}" + (f" after: {said}" if said else f" (log: {RunFolder(folder).log})")
