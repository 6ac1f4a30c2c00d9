"""A sweep through SLURM: one job array by submitit, and what the scheduler says of it."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.sweep.attempt import read_submitted, write_submitted
from lt_bench.sweep.job import PROGRAM, Job, Settings, Sweep
from lt_bench.sweep.state import STARTABLE, JobStatus, status_of
from lt_bench.sweep.worker import Worker
from lt_bench.utils.locks import locked

logger = logging.getLogger(__name__)

ANY_NUMBER = 1_000_000  # of time limits that a job may run into: each time it goes on where it was
DEFAULT_LIMIT = 24 * 60  # minutes
WARNING = 120  # seconds before the time limit
TRIES, PAUSE = 5, 2.0  # to ask a controller that may be starting anew


def check_words(words: Mapping[str, object]) -> None:
    """Raises UserError for a value that could be more than one in the script which SLURM is given."""
    for name, value in words.items():
        if isinstance(value, str) and not re.fullmatch(r"[\w.,:/&|*\[\]()@=+%-]+", value, re.ASCII):
            raise UserError(f"--{name.replace('_', '-')} {value!r} is nothing that SLURM takes", "see `sinfo`")


def check_folder(folder: Path) -> None:
    """Raises UserError for a folder whose name would be something else in SLURM's script: it has a line break, or what
    SLURM replaces.
    """
    if not str(folder).isprintable() or not {"%", "\\"}.isdisjoint(str(folder)):
        raise UserError(
            f"SLURM can't write to {str(folder)!r}", "give the command in a folder without %, \\ and line breaks"
        )


def parameters(settings: Settings, parallel: int) -> dict[str, object]:
    """Of submitit's SlurmExecutor.

    A job of several nodes has one task a GPU. The first task that fails ends the others: they would wait for it.
    """
    several = settings.nodes > 1
    found: dict[str, object] = {
        "job_name": "lt_bench",
        "time": DEFAULT_LIMIT,
        "signal_delay_s": WARNING,
        "nodes": settings.nodes,
        "ntasks_per_node": max(1, settings.gpus) if several else 1,
        "array_parallelism": parallel,
        "stderr_to_stdout": True,
        "srun_args": ["--kill-on-bad-exit=1"],
        "additional_parameters": {"requeue": True},
        **settings.slurm,
    }
    if settings.gpus:
        found["gpus_per_node"] = settings.gpus
    return found


def submit(sweep: Sweep, jobs: Sequence[Job], program: Sequence[str] = PROGRAM) -> list[JobStatus]:
    """Submit the jobs that are neither finished nor failed nor submitted. Returns the states of all before that.

    program: what a job's words follow.

    Raises UserError when there is no SLURM, or it refuses the jobs.
    """
    refuse_missing()
    check_folder(sweep.path)
    with locked(
        sweep.path.parent / ".submitting"
    ):  # of two sweeps at once the second one sees what the first submitted
        queue = ask_queue()
        states = [status_of(job, queue) for job in jobs]
        missing = [job for job, state in zip(jobs, states, strict=True) if state.state in STARTABLE]
        if missing:
            _submit(sweep, missing, tuple(program))
    return states


def _submit(sweep: Sweep, jobs: Sequence[Job], program: tuple[str, ...]) -> None:
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = SlurmExecutor(sweep.path / "submitit" / "%A", max_num_timeout=ANY_NUMBER)
    try:
        executor.update_parameters(**parameters(sweep.settings, sweep.settings.parallel or len(jobs)))
        settings = sweep.settings
        workers = [Worker(job, (*program, *job.words), settings.retries, None, settings.pause) for job in jobs]
        handles = executor.submit_array(workers)
    except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError, ValueError) as error:
        raise UserError(f"SLURM refuses the jobs: {error}", "see `sinfo` for partitions and their limits") from error
    for job, handle in zip(jobs, handles, strict=True):
        write_submitted(job.folder, "slurm", str(handle.job_id))


def refuse_missing() -> None:
    if shutil.which("srun") is None or shutil.which("squeue") is None:
        raise UserError("there is no SLURM on this machine: srun is not found", "use --launcher local")


def ask_queue() -> dict[str, str]:
    """What SLURM calls each of this user's jobs that wait or run, to its state. Raises UserError when it gives none."""
    command = ("squeue", "--me", "--array", "--noheader", "--format=%i|%T")
    said = ""
    for _ in range(TRIES):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            said = str(error)
        else:
            if done.returncode == 0:
                return _parsed(done.stdout)
            said = done.stderr.strip()
        time.sleep(PAUSE)
    raise UserError(f"SLURM does not say which jobs it has: {said}", "try again when its controller answers")


def _parsed(output: str) -> dict[str, str]:
    rows = (line.strip().split("|") for line in output.splitlines() if "|" in line)
    return {name: state for name, state in rows}


def cancel(jobs: Sequence[Job], queue: Mapping[str, str]) -> list[Job]:
    """Cancel those that SLURM has; running ones save first. Returns them."""
    found = {}
    for job in jobs:
        submitted = read_submitted(job.folder)
        if submitted is not None and submitted.launcher == "slurm" and submitted.job in queue:
            found[submitted.job] = job
    if found:
        done = subprocess.run(("scancel", *found), capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise UserError(f"scancel failed: {done.stderr.strip()}", "try again when SLURM's controller answers")
    return list(found.values())
