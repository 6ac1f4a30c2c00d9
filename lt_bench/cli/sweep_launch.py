"""Starting the jobs of a sweep that is known, and telling what came of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from lt_bench.cli.run import WORK_DIRS
from lt_bench.errors import RunFailedError, UserError

if TYPE_CHECKING:
    from lt_bench.sweep.job import Job, Sweep
    from lt_bench.sweep.state import JobStatus

logger = logging.getLogger(__name__)

SWEEPS = WORK_DIRS / "sweeps"


def launch(sweep: Sweep, jobs: Sequence[Job]) -> None:
    """Start what is missing of the jobs by the sweep's launcher.

    Raises RunFailedError when jobs failed, UserError for more GPUs than this machine has.
    """
    logger.info(f"sweep {sweep.path.name}: {len(jobs)} jobs; see `sweep status --name {sweep.path.name}`")
    if sweep.settings.launcher == "slurm":
        _submit(sweep, jobs)
    else:
        _run_here(sweep, jobs)


def _run_here(sweep: Sweep, jobs: Sequence[Job]) -> None:
    from lt_bench.sweep.local import run_here, visible_gpus
    from lt_bench.sweep.table import following, table

    gpus: list[int] = visible_gpus() if sweep.settings.gpus else []
    if sweep.settings.nodes > 1:
        raise UserError("--launcher local has one node", "give --launcher slurm, or leave --nodes out")
    if len(gpus) < sweep.settings.gpus * (sweep.settings.parallel or 1):
        raise UserError(
            f"{sweep.settings.parallel or 1} jobs at a time with {sweep.settings.gpus} GPUs each need more than the "
            f"{len(gpus)} that are here",
            "give a smaller --parallel or --gpus; --gpus 0 is for the CPU",
        )
    console = Console(stderr=True)
    with following(console) as show:
        states = run_here(sweep, jobs, gpus, show)
    Console().print(table(states))
    _tell_failed(states)


def _tell_failed(states: Sequence[JobStatus]) -> None:
    n_missing = sum(state.state != "done" for state in states)
    if n_missing:
        raise RunFailedError(
            f"{n_missing} of {len(states)} jobs are not finished\n"
            "`sweep logs JOB` shows what a job said, `sweep retry` starts failed ones again"
        )


def _submit(sweep: Sweep, jobs: Sequence[Job]) -> None:
    from lt_bench.sweep.slurm import submit
    from lt_bench.sweep.state import STARTABLE
    from lt_bench.sweep.table import summary

    states = submit(sweep, jobs)
    click.echo(f"{sum(state.state in STARTABLE for state in states)} jobs submitted; before, {summary(states)}")
    for state in states:
        if state.state == "failed":
            logger.warning(f"{state.name} {state.label} has failed, and is started again by `sweep retry` alone")
