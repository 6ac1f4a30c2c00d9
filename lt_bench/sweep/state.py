"""How far each job of a sweep is: from its folder, and from what the scheduler says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lt_bench.errors import UserError
from lt_bench.run.folder import RunFolder
from lt_bench.sweep.attempt import LOG, is_at_work, read_attempt, read_submitted
from lt_bench.sweep.job import Job

if TYPE_CHECKING:
    from lt_bench.leaderboard.schema import ResultRecord

State = Literal["not launched", "waiting", "running", "stopped", "lost", "failed", "done"]
STARTABLE: tuple[State, ...] = ("not launched", "stopped", "lost")
TAIL = 8_000  # bytes of the log in which the last line of progress is looked for
_PROGRESS = re.compile(r"(training|predicting): (\d+)/(\d+)\s+eta (\d+:\d+)(?:\s+loss (\S+))?")


@dataclass(frozen=True)
class JobStatus:
    """Where a job is.

    ap: of masks, or of boxes where there are none. doing: "training" or "predicting", and how far it is. reason: of a
    failure or a stop. starts: how often a sweep has started it. scheduler: what the scheduler calls it.
    """

    name: str
    label: str
    folder: Path
    state: State
    ap: float | None = None
    doing: str = ""
    iteration: int | None = None
    iterations: int | None = None
    loss: float | None = None
    eta: str = ""
    kind: str = ""
    reason: str = ""
    starts: int = 0
    scheduler: str = ""
    host: str = ""

    def content(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "folder": str(self.folder)}


def status_of(job: Job, queue: Mapping[str, str]) -> JobStatus:
    """queue: what the scheduler calls each job that it has, to its state there in SLURM's words; {} without one.

    A job that was running when its machine went down is "lost" as soon as nobody holds its claim.
    """
    attempt, submitted = read_attempt(job.folder), read_submitted(job.folder)
    scheduler = submitted.job if submitted else ""
    known: dict[str, Any] = {"name": job.name, "label": job.label, "folder": job.folder}
    if attempt is not None:
        known |= {"starts": attempt.starts, "host": attempt.host, "scheduler": attempt.job or scheduler}
    else:
        known |= {"scheduler": scheduler}
    if (record := finished(job)) is not None:
        return JobStatus(state="done", ap=_ap(record), **known)
    queued = queue.get(scheduler, "")
    if is_at_work(job.folder):
        return JobStatus(state="running", **_progress(job.folder), **known)
    if queued in ("RUNNING", "COMPLETING"):
        return JobStatus(state="running", doing="starting" if queued == "RUNNING" else "ending", **known)
    if queued:
        return JobStatus(state="waiting", reason=queued.lower(), **known)
    if attempt is None:
        return JobStatus(state="not launched", **known)
    if attempt.state == "running":
        return JobStatus(state="lost", kind="killed", reason=f"its process on {attempt.host} ended", **known)
    if attempt.state == "failed":
        return JobStatus(state="failed", kind=attempt.kind, reason=attempt.reason, **known)
    return JobStatus(state="stopped", reason=attempt.reason, **known)  # done, but its record is gone: to be made again


def finished(job: Job) -> ResultRecord | None:
    """The record of the job, when it is there with all that was to be measured."""
    from lt_bench.leaderboard.store import read

    result = RunFolder(job.folder).result
    if not result.is_file():
        return None
    with suppress(UserError, OSError):
        record = read(result)
        if set(job.metrics) <= record.measured():
            return record
    return None


def _ap(record: ResultRecord) -> float | None:
    metrics = record.metrics.segm or record.metrics.bbox
    return None if metrics is None else metrics.AP


def _progress(folder: Path) -> dict[str, Any]:
    """What the run said last of where it is."""
    text = ""
    with suppress(OSError), (folder / LOG).open("rb") as stream:
        stream.seek(max(0, (folder / LOG).stat().st_size - TAIL))
        text = stream.read().decode(errors="replace")
    lines = _PROGRESS.findall(text)
    if not lines:
        return {"doing": "starting"}
    what, done, total, eta, loss = lines[-1]
    return {
        "doing": what,
        "iteration": int(done),
        "iterations": int(total),
        "eta": eta,
        "loss": float(loss) if loss else None,
    }
