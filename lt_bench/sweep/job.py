"""The jobs of a sweep, and the file that keeps them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lt_bench.errors import UserError, did_you_mean
from lt_bench.utils.files import write_atomic

FILE = "sweep.json"
PROGRAM = (sys.executable, "-u", "-m", "lt_bench")  # what the words of a job follow; no file says otherwise


class Job(BaseModel):
    """One run of a sweep.

    name: the first 12 digits of the digest of its arguments. label: what it is, for people. folder: of the run,
    absolute. words: of the command, after `python -m lt_bench`. metrics: what its record must have.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    label: str
    folder: Path
    words: tuple[str, ...]
    metrics: tuple[str, ...] = ("ap",)


class Settings(BaseModel):
    """How the jobs of a sweep are run.

    parallel: jobs at a time, at most. gpus: per node of a job. retries: of what another try can mend, per start of a
    job, and pause: seconds before each. slurm: parameters of submitit's SlurmExecutor.
    """

    model_config = ConfigDict(frozen=True)
    launcher: str
    parallel: int | None = None
    gpus: int = 0
    nodes: int = 1
    retries: int = 2
    pause: float = 5.0
    slurm: dict[str, str | int | float] = {}


class Sweep(BaseModel):
    """A sweep as it was last started. path: its folder, where submitit's files lie too."""

    model_config = ConfigDict(frozen=True)
    path: Path
    jobs: tuple[Job, ...]
    settings: Settings

    def write(self) -> None:
        write_atomic(self.path / FILE, [json.dumps(self.model_dump(mode="json"), indent=2).encode()])

    def chosen(self, names: tuple[str, ...]) -> tuple[Job, ...]:
        """The jobs whose names begin so; all without names. Raises UserError for one that there is not."""
        found = []
        for name in names:
            fitting = [job for job in self.jobs if job.name.startswith(name)]
            if len(fitting) != 1:
                known = [job.name for job in self.jobs]
                what = "there is no job" if not fitting else "there are several jobs"
                raise UserError(f"{what} {name!r} in the sweep {self.path.name}", did_you_mean(name, known))
            found += fitting
        return tuple(found) if names else self.jobs


def sweep_name(jobs: tuple[Job, ...]) -> str:
    """Of the same jobs always the same."""
    return hashlib.sha256("\n".join(sorted(job.name for job in jobs)).encode()).hexdigest()[:8]


def read_sweep(folder: Path, name: str | None) -> Sweep:
    """A sweep below `folder` by name, or the one that was started last. Raises UserError when there is none."""
    started = sorted(folder.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime)
    if not started:
        raise UserError(f"there is no sweep in {folder}", "start one, in the folder from which its command was given")
    fitting = [path for path in started if name is None or path.parent.name == name]
    if not fitting:
        raise UserError(f"there is no sweep {name!r}", did_you_mean(str(name), [p.parent.name for p in started]))
    try:
        return Sweep.model_validate_json(fitting[-1].read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(f"{fitting[-1]} can't be read: {error}", "give the sweep's command again") from error
