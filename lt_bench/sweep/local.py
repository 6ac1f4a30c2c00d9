"""A sweep on this machine: some jobs at a time through submitit's local executor, until nothing is left to start."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lt_bench.sweep.attempt import now, read_attempt, write_submitted
from lt_bench.sweep.job import PROGRAM, Job, Sweep
from lt_bench.sweep.processes import Process
from lt_bench.sweep.state import STARTABLE, JobStatus, status_of
from lt_bench.sweep.worker import Worker
from lt_bench.utils.stopping import leave_if_requested, stoppable

if TYPE_CHECKING:
    from submitit.local.local import LocalJob

logger = logging.getLogger(__name__)

POLL = 0.5  # seconds between two looks at the jobs
PATIENCE = 120.0  # seconds that jobs have to save
TEN_YEARS = 10 * 365 * 24 * 60  # minutes: on one's own machine a job has no time limit


def run_here(
    sweep: Sweep,
    jobs: Sequence[Job],
    gpus: Sequence[int],
    show: Callable[[Sequence[JobStatus]], None],
    program: Sequence[str] = PROGRAM,
) -> list[JobStatus]:
    """Run the jobs that nobody has run and nobody runs, and wait for those that somebody else does.

    gpus: those of this machine, of which each job gets `sweep.settings.gpus`. show: is told the jobs' states now and
    then. program: what a job's words follow. Returns the states at the end: a job that was asked to stop meanwhile is
    not started again.

    A signal makes the jobs save and leave, and StoppedError is raised; they end too when this process is killed.
    """
    return _Launcher(sweep, jobs, gpus, show, program).run()


class _Launcher:
    def __init__(
        self,
        sweep: Sweep,
        jobs: Sequence[Job],
        gpus: Sequence[int],
        show: Callable[[Sequence[JobStatus]], None],
        program: Sequence[str],
    ) -> None:
        self.sweep, self.show, self.program = sweep, show, tuple(program)
        self.jobs = list(jobs)
        self.settled: dict[str, JobStatus] = {}
        self.began = now()
        self.starts: Counter[str] = Counter()
        self.active: dict[str, LocalJob[str]] = {}
        per_job, parallel = sweep.settings.gpus, sweep.settings.parallel or 1
        self.slots = [tuple(gpus[slot * per_job : (slot + 1) * per_job]) for slot in range(parallel)]
        self.taken: dict[str, tuple[int, ...]] = {}

    def run(self) -> list[JobStatus]:
        try:
            with stoppable():
                while len(self.settled) < len(self.jobs):
                    self.show(self.step())
                    time.sleep(POLL)
                    leave_if_requested()
        except BaseException:
            self.end()
            raise
        return [self.settled[job.name] for job in self.jobs]

    def step(self) -> list[JobStatus]:
        """Look at each job once, and start what can be started. Returns where each is."""
        for name in [name for name, handle in self.active.items() if handle.done()]:
            del self.active[name]
            self.slots.append(self.taken.pop(name))
        states = []
        for job in self.jobs:
            state = self.settled.get(job.name) or status_of(job, {})
            states.append(state)
            if job.name in self.settled or job.name in self.active:
                continue
            if state.state in ("done", "failed") or self._is_given_up(job, state):
                self.settled[job.name] = state
            elif state.state in STARTABLE and self.slots:
                self.start(job)
        return states

    def _is_given_up(self, job: Job, state: JobStatus) -> bool:
        """Whether it was asked to stop since the sweep began, or its process was lost too often."""
        attempt = read_attempt(job.folder)
        if state.state == "stopped" and attempt is not None and attempt.ended is not None:
            return attempt.ended > self.began
        return state.state in STARTABLE and self.starts[job.name] > self.sweep.settings.retries

    def start(self, job: Job) -> None:
        from submitit import LocalExecutor

        gpus = self.slots.pop()
        executor = LocalExecutor(self.sweep.path / "submitit" / "%j")
        executor.update_parameters(timeout_min=TEN_YEARS, gpus_per_node=len(gpus), visible_gpus=gpus)
        settings = self.sweep.settings
        worker = Worker(job, (*self.program, *job.words), settings.retries, Process.this(), settings.pause)
        logger.debug(f"starting {job.label} in {job.folder}")
        with _without_ctrl_c():
            handle: LocalJob[str] = executor.submit(worker)  # type: ignore[assignment]
        self.starts[job.name] += 1
        self.active[job.name], self.taken[job.name] = handle, gpus
        write_submitted(job.folder, "local", str(handle.job_id))

    def end(self) -> None:
        """Have all jobs save and leave; kill what does not."""
        processes = [handle._process for handle in self.active.values() if handle._process is not None]
        if processes:
            logger.info(f"{len(processes)} running jobs save what they have")
        for process in processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        try:
            for process in processes:
                with suppress(Exception):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()  # its run notices that its starter is gone


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """What is started within ignores Ctrl-C at this terminal: the sweep asks its jobs to save."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def visible_gpus() -> list[int]:
    """The GPUs of this machine, or those that CUDA_VISIBLE_DEVICES leaves."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [int(word) for word in named.split(",") if word.strip().isdigit()]
    import torch

    return list(range(torch.cuda.device_count()))
