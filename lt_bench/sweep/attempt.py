"""What a job's folder says of the last time that it was started by a sweep, and whether somebody works there."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from lt_bench.run.folder import RunFolder
from lt_bench.utils.files import remove_unfinished, write_atomic
from lt_bench.utils.locks import is_held, locked

LOG = "sweep.log"
_TRIES = 5
_ATTEMPT, _SUBMITTED, _CLAIM = "attempt.json", "submitted.json", ".sweep"

AttemptState = Literal["running", "stopped", "failed", "done"]


class Attempt(BaseModel):
    """starts: how often it was started in all. job: the scheduler's id. kind: of a failure, see `causes`."""

    model_config = ConfigDict(frozen=True)
    state: AttemptState
    starts: int = 0
    host: str
    pid: int
    job: str = ""
    began: AwareDatetime
    ended: AwareDatetime | None = None
    kind: str = ""
    reason: str = ""
    code: int = 0


class Submitted(BaseModel):
    """What the scheduler calls a job that it was given last. launcher: of `Settings`."""

    model_config = ConfigDict(frozen=True)
    launcher: str
    job: str
    at: AwareDatetime


def now() -> datetime:
    return datetime.now(timezone.utc)


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Holds a job for this process, so that of several sweeps one runs it. Raises TimeoutError when another has it."""
    with ExitStack() as stack:
        for tries_left in reversed(range(_TRIES)):
            try:
                stack.enter_context(locked(folder / _CLAIM, wait=False))
                break
            except TimeoutError:
                if not tries_left:
                    raise
                time.sleep(0.1)  # perhaps somebody only looks whether it is held
        if is_held(RunFolder(folder).lock):
            raise TimeoutError("a run that no sweep has started")
        remove_unfinished(folder, [_ATTEMPT])
        yield


def is_at_work(folder: Path) -> bool:
    """Whether a process holds the job, or a run that is started by hand its folder."""
    return is_held(folder / _CLAIM) or is_held(RunFolder(folder).lock)


def read_attempt(folder: Path) -> Attempt | None:
    with suppress(OSError, ValidationError):
        return Attempt.model_validate_json((folder / _ATTEMPT).read_bytes())
    return None


def write_attempt(folder: Path, attempt: Attempt) -> None:
    """By the process that holds the claim alone."""
    write_atomic(folder / _ATTEMPT, [json.dumps(attempt.model_dump(mode="json"), indent=2).encode()])


def forget(folder: Path) -> None:
    """Let the job be started as if it had not failed."""
    (folder / _ATTEMPT).unlink(missing_ok=True)


def read_submitted(folder: Path) -> Submitted | None:
    with suppress(OSError, ValidationError):
        return Submitted.model_validate_json((folder / _SUBMITTED).read_bytes())
    return None


def write_submitted(folder: Path, launcher: str, job: str) -> None:
    note = Submitted(launcher=launcher, job=job, at=now())
    write_atomic(folder / _SUBMITTED, [json.dumps(note.model_dump(mode="json"), indent=2).encode()])


def begun(folder: Path, pid: int, job: str) -> Attempt:
    """Note that the job is started now, by the process that holds its claim."""
    before = read_attempt(folder)
    starts = 1 + (before.starts if before else 0)
    attempt = Attempt(state="running", starts=starts, host=platform.node(), pid=pid, job=job, began=now())
    write_attempt(folder, attempt)
    return attempt
