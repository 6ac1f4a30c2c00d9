"""Several runs side by side, each in a process of its own.

On a CPU each process is forked from one that has the imports done and nothing else, so that a run begins as it would
alone: no generator, thread or memory is left from another. One that crashes, or is killed, ends no other.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import RunFailedError, UserError
from lt_bench.run.folder import RunFolder
from lt_bench.run.seeds import describe_exit
from lt_bench.utils.leaving import called, seen_to_leave
from lt_bench.utils.stopping import leave_if_requested, stoppable, undisturbed
from lt_bench.utils.terminal import shown

if TYPE_CHECKING:
    from lt_bench.leaderboard.schema import ResultRecord
    from lt_bench.probe.one import DeviceKind
    from lt_bench.probe.plan import ProbeRun

logger = logging.getLogger(__name__)

PRELOADED = (
    *("lt_bench.probe.one", "lt_bench.probe.head", "lt_bench.detector", "lt_bench.evaluation.metrics"),
    *("vernier", "lvis", "pyarrow.parquet", "pyarrow.pandas_compat"),
    "torch._dynamo",  # an optimizer imports it, which takes seconds, when it is first used
)
POLL = 1.0  # seconds


@dataclass(frozen=True)
class Outcome:
    """record: None when the run failed. reason: why it did."""

    run: ProbeRun
    record: ResultRecord | None
    reason: str = ""


@dataclass
class _Worker:
    run: ProbeRun
    process: BaseProcess
    answers: Connection
    reason: str | None = None  # of a failure that it told


class Watcher:
    """Is told how the runs go on; does nothing."""

    def began(self, run: ProbeRun) -> None: ...

    def went_on(self, run: ProbeRun, share: float) -> None: ...

    def left(self, run: ProbeRun) -> None:
        """The process of a run, and of its calibrations, has ended."""

    def ended(self, outcome: Outcome) -> None: ...


def run_all(
    runs: Sequence[ProbeRun],
    parallel: int,
    device: DeviceKind = "cpu",
    watcher: Watcher | None = None,
    start_method: str | None = None,
) -> list[Outcome]:
    """Do all runs, at most `parallel` at a time, and return what came of them, in their order; after each run what came
    of its calibrations, which are done in the same process.

    A signal that asks to stop ends those that are going on and raises StoppedError; when this process is killed they
    end as well. Finished runs stay.
    """
    watcher = watcher or Watcher()
    # CUDA can't be used in a process that was forked from one that has looked for it, as mmcv does at import.
    method = start_method or ("spawn" if device == "cuda" else "forkserver")
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(PRELOADED))
        _start_fork_server()
    outcomes: dict[Path, Outcome] = {}
    wanted = sum(len(_every(run)) for run in runs)

    def end(outcome: Outcome) -> None:
        outcomes[outcome.run.folder] = outcome
        watcher.ended(outcome)

    for run in runs:
        for earlier in _results(run):
            end(earlier)
    waiting = [run for run in reversed(runs) if any(one.folder not in outcomes for one in _every(run))]
    workers: list[_Worker] = []
    try:
        with stoppable(), _ending(workers):
            while waiting or workers:
                while waiting and len(workers) < parallel:
                    with undisturbed():  # a process that has started is in the list of those to end
                        workers.append(_start(context, waiting.pop(), device))
                    leave_if_requested()
                    watcher.began(workers[-1].run)
                wait([handle for worker in workers for handle in (worker.answers, worker.process.sentinel)], POLL)
                leave_if_requested()
                for worker in list(workers):
                    has_ended = not worker.process.is_alive()
                    _hear(worker, watcher)  # after looking whether it has ended: it tells nothing after that
                    if has_ended:
                        workers.remove(worker)
                        watcher.left(worker.run)
                        for outcome in _outcomes(worker):
                            if outcome.run.folder not in outcomes:
                                end(outcome)
    except BaseException:
        finished = sum(outcome.record is not None for outcome in outcomes.values())
        logger.info(f"stopped; {finished} of {wanted} runs are finished; given again, the command goes on from here")
        raise
    return [outcomes[one.folder] for run in runs for one in _every(run)]


def _start_fork_server() -> None:
    """Ctrl-C on a terminal is this process's to answer: the fork server would, while it imports, with a traceback."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a process ignores, those that it starts ignore too
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _ending(workers: Sequence[_Worker]) -> Iterator[None]:
    """At its end, all of them are killed, also when another signal comes meanwhile: `timeout` sends two."""
    try:
        yield
    finally:
        with undisturbed():
            for worker in workers:
                worker.process.kill()
            for worker in workers:
                worker.process.join()


def _start(context: Any, run: ProbeRun, device: DeviceKind) -> _Worker:
    answers, other_end = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(run, device, other_end, dict(os.environ)), daemon=True)
    process.start()
    other_end.close()
    return _Worker(run, process, answers)


def _hear(worker: _Worker, watcher: Watcher) -> None:
    """Take what a worker has sent: shares of a run that are done, or why it failed."""
    with suppress(EOFError, OSError):  # it has ended
        while worker.answers.poll():
            answer = worker.answers.recv()
            if isinstance(answer, str):
                worker.reason = answer
            else:
                watcher.went_on(worker.run, answer)


def _outcomes(worker: _Worker) -> list[Outcome]:
    """What came of a run, and of its calibrations, whose process has ended."""
    worker.process.join()
    worker.answers.close()
    there = {outcome.run.folder: outcome for outcome in _results(worker.run)}
    reason = worker.reason or describe_exit(worker.process.exitcode or 0)
    return [there.get(one.folder) or Outcome(one, None, reason) for one in _every(worker.run)]


def _every(run: ProbeRun) -> tuple[ProbeRun, ...]:
    return run, *run.calibrations


def _results(run: ProbeRun) -> list[Outcome]:
    """What is there of a run and of its calibrations: a failure where a record can't be trusted."""
    from lt_bench.probe.one import finished_record

    found = []
    for one in _every(run):
        try:
            record = finished_record(one)
        except UserError as error:
            found.append(Outcome(one, None, str(error)))
        else:
            found += [] if record is None else [Outcome(one, record)]
    return found


def _work(run: ProbeRun, device: DeviceKind, answers: Connection, environment: Mapping[str, str]) -> None:
    """What a run's process does. Whatever a loss raises is told, with a traceback in the run's log."""
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one hears it too
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with(multiprocessing.parent_process())
    from lt_bench.probe.one import run_probe

    folder = RunFolder(run.folder)
    try:
        _log_to(folder)
        with seen_to_leave():
            run_probe(run, device, _sparingly(answers.send))
    except (UserError, RunFailedError) as error:
        answers.send(str(error))
    except (Exception, SystemExit) as error:  # a loss may fail in any way
        with suppress(OSError), folder.log.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        kind = called(error) if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
        answers.send(f"{kind} (log: {shown(folder.log)})")
    sys.stdout.flush()
    sys.stderr.flush()


def _sparingly(send: Callable[[float], None]) -> Callable[[float], None]:
    """Tells each hundredth once."""
    told = -1

    def report(share: float) -> None:
        nonlocal told
        if int(100 * share) > told:
            told = int(100 * share)
            send(share)

    return report


def _log_to(folder: RunFolder) -> None:
    """What libraries and losses print goes to the run's log, not over the progress bar."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder.log.open("ab") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
    except OSError as error:
        raise UserError(
            f"{folder.path} can't be the folder of a run: {error.strerror}", "choose another --work-dir"
        ) from error


def _end_with(parent: BaseProcess | None) -> None:
    """End this process as soon as the one that started it has ended, however that was."""
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
