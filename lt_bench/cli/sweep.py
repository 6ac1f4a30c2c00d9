"""`lt_bench sweep`: a matrix of runs, on this machine or through SLURM, and what has become of it."""

from __future__ import annotations

import json
import logging
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.console import Console

from lt_bench.cli.common import Group
from lt_bench.cli.sweep_launch import SWEEPS, launch
from lt_bench.cli.sweep_start import start
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.sweep.job import Job, Sweep
    from lt_bench.sweep.state import JobStatus

logger = logging.getLogger(__name__)

name_option = click.option("--name", help="Of the sweep. Default: the one that was started last.")
jobs_argument = click.argument("jobs", nargs=-1, metavar="[JOB]...")


class _SweepGroup(Group):
    """`sweep` followed by options or a file is `sweep start`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["start", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_SweepGroup)
def sweep() -> None:
    """A matrix of runs: `sweep --loss all --seeds 3`, or `sweep FILE.toml`, then status, retry, cancel and logs.

    The options of a new sweep are those of `sweep start`. Given again, the same command starts what is missing.
    """


sweep.add_command(start)


@sweep.command()
@name_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(name: str | None, as_json: bool) -> None:
    """Where each job of a sweep is."""
    from lt_bench.sweep.table import table

    found, states = _look(name)
    if as_json:
        content = {"sweep": found.path.name, "jobs": [state.content() for state in states]}
        return click.echo(json.dumps(content, indent=2))
    Console().print(table(states))


@sweep.command()
@name_option
@jobs_argument
def retry(name: str | None, jobs: tuple[str, ...]) -> None:
    """Start failed jobs again, all or those named, and whatever else is missing of a sweep."""
    from lt_bench.sweep.attempt import claim, forget

    found, states = _look(name)
    for job, state in zip(found.jobs, states, strict=True):
        if job in found.chosen(jobs) and state.state == "failed":
            try:
                with claim(job.folder):
                    forget(job.folder)
            except TimeoutError as error:
                logger.warning(f"{job.name} is left alone: {error} works there")
    launch(found, found.chosen(jobs))


@sweep.command()
@name_option
@jobs_argument
def cancel(name: str | None, jobs: tuple[str, ...]) -> None:
    """Stop jobs, all or those named. Running ones save first, so that `sweep` goes on from there."""
    found, states = _look(name)
    chosen = found.chosen(jobs)
    stopped = [job for job, state in zip(found.jobs, states, strict=True) if job in chosen and _stop(job, state, found)]
    if found.settings.launcher == "slurm":
        from lt_bench.sweep import slurm

        stopped += slurm.cancel(chosen, slurm.ask_queue())
    click.echo(f"{len({job.name for job in stopped})} of {len(chosen)} jobs were asked to stop")


@sweep.command()
@name_option
@click.argument("job")
@click.option("-n", "--lines", type=click.IntRange(1), default=40, show_default=True, help="Of the end of it.")
def logs(name: str | None, job: str, lines: int) -> None:
    """The end of what a job's run said."""
    from lt_bench.run.folder import RunFolder
    from lt_bench.sweep.attempt import LOG
    from lt_bench.sweep.job import read_sweep

    (found,) = read_sweep(SWEEPS, name).chosen((job,))
    log = found.folder / LOG
    if not log.is_file():
        raise UserError(f"{found.label} has not been started: there is no {log}", "see `sweep status`")
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    click.echo("\n".join(text[-lines:]))
    click.echo(f"all of it: {log}; of training: {RunFolder(found.folder).log}", err=True)


def _look(name: str | None) -> tuple[Sweep, list[JobStatus]]:
    from lt_bench.sweep.job import read_sweep
    from lt_bench.sweep.state import status_of

    found = read_sweep(SWEEPS, name)
    queue: dict[str, str] = {}
    if found.settings.launcher == "slurm":
        from lt_bench.sweep.slurm import ask_queue

        queue = ask_queue()
    return found, [status_of(job, queue) for job in found.jobs]


def _stop(job: Job, state: JobStatus, sweep: Sweep) -> bool:
    """Ask a job that runs on this machine to save and to leave; note of one that waits that it is not to be started."""
    import platform

    from lt_bench.sweep.attempt import begun, claim, now, read_attempt, write_attempt
    from lt_bench.sweep.state import STARTABLE

    attempt = read_attempt(job.folder)
    if state.state == "running" and attempt is not None and sweep.settings.launcher == "local":
        if attempt.host != platform.node():
            logger.warning(f"{job.name} runs on {attempt.host}: cancel it there")
            return False
        with suppress(ProcessLookupError):
            os.kill(attempt.pid, signal.SIGTERM)
        return True
    if state.state not in STARTABLE:
        return False
    try:
        with claim(job.folder):
            noted = attempt or begun(job.folder, os.getpid(), "")
            write_attempt(
                job.folder, noted.model_copy(update={"state": "stopped", "reason": "cancelled", "ended": now()})
            )
    except TimeoutError:
        return False
    return True
