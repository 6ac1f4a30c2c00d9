"""Runs side by side give what they give alone, and one that fails, or is killed, ends no other."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from lt_bench.errors import StoppedError
from lt_bench.probe import one, workers
from lt_bench.probe.plan import Planner, ProbeRun
from lt_bench.probe.workers import Outcome, Watcher, run_all
from lt_bench.run.folder import RunFolder
from lt_bench.utils.stopping import stoppable

ALONE = one.run_probe


def swap(monkeypatch: pytest.MonkeyPatch, instead: Callable[..., object]) -> None:
    """In the processes of runs too: they are forked from this one."""
    monkeypatch.setattr(one, "run_probe", instead)


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """As in the process that runs are forked from. Each would import it anew, and fail where a file changes."""
    for name in workers.PRELOADED:
        importlib.import_module(name)


@pytest.fixture
def runs(planner: Planner, tmp_path: Path) -> list[ProbeRun]:
    return [planner.run(loss, {}, seed, tmp_path / "side") for seed in (0, 1) for loss in ("eqlv2", "federated")]


class Told(Watcher):
    def __init__(self) -> None:
        self.lines: list[tuple[str, Path, float]] = []
        self.reasons: list[str] = []

    def began(self, run: ProbeRun) -> None:
        self.lines.append(("began", run.folder, 0))

    def went_on(self, run: ProbeRun, share: float) -> None:
        self.lines.append(("went on", run.folder, share))

    def ended(self, outcome: Outcome) -> None:
        self.lines.append(("ended", outcome.run.folder, 1))
        self.reasons.append(outcome.reason)


def test_side_by_side_as_alone(runs: list[ProbeRun], planner: Planner, tmp_path: Path) -> None:
    told = Told()
    outcomes = run_all(runs, 3, watcher=told, start_method="fork")
    assert [outcome.run for outcome in outcomes] == runs
    for outcome in outcomes:
        alone = ALONE(planner.run(outcome.run.loss, {}, outcome.run.seed, tmp_path / "alone"))
        assert outcome.record is not None
        assert outcome.record.predictions == alone.predictions and outcome.record.metrics == alone.metrics
    for run in runs:
        mine = [(what, share) for what, folder, share in told.lines if folder == run.folder]
        assert mine[0] == ("began", 0) and mine[-1] == ("ended", 1)
        assert [share for _, share in mine] == sorted(share for _, share in mine) and len(mine) > 4


def test_finished_runs_need_no_process(runs: list[ProbeRun], monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_all(runs[:2], 2, start_method="fork")
    monkeypatch.setattr(workers, "_start", lambda *arguments: pytest.fail("it begins anew"))
    again = run_all(runs[:2], 2, start_method="fork")
    assert [outcome.record for outcome in again] == [outcome.record for outcome in first]


def fail(run: ProbeRun, *arguments: object) -> object:
    if run.loss == "federated" and run.seed == 0:
        raise ZeroDivisionError("in the plugin")
    if run.loss == "federated":
        os.kill(os.getpid(), signal.SIGKILL)
    return ALONE(run)


def test_failed_ones_are_named_and_lose_no_other(runs: list[ProbeRun], monkeypatch: pytest.MonkeyPatch) -> None:
    swap(monkeypatch, fail)
    outcomes = {(outcome.run.loss, outcome.run.seed): outcome for outcome in run_all(runs, 2, start_method="fork")}
    assert outcomes["eqlv2", 0].record and outcomes["eqlv2", 1].record
    assert outcomes["federated", 0].reason.startswith("ZeroDivisionError: in the plugin (log: ")
    assert "SIGKILL" in outcomes["federated", 1].reason
    log = RunFolder(outcomes["federated", 0].run.folder).log.read_text()
    assert "Traceback" in log and "in the plugin" in log


def leave(run: ProbeRun, *arguments: object) -> object:
    if run.loss == "federated":
        os._exit(0)
    raise SystemExit(0)


def test_a_loss_that_leaves_has_failed(runs: list[ProbeRun], monkeypatch: pytest.MonkeyPatch) -> None:
    swap(monkeypatch, leave)
    for outcome, said in zip(run_all(runs[:2], 2, start_method="fork"), ("sys.exit(0)", "os._exit(0)"), strict=True):
        assert outcome.record is None and outcome.reason.startswith(f"{said} (log: ")


def stay(run: ProbeRun, *arguments: object) -> object:
    if run.seed == 0:
        return ALONE(run)
    (run.folder / "pid").write_text(str(os.getpid()))
    time.sleep(600)
    return None


def pid_in(run: ProbeRun) -> int:
    file = run.folder / "pid"
    while not (file.is_file() and file.read_text()):
        time.sleep(0.01)
    return int(file.read_text())


def has_ended(pid: int) -> bool:
    for _ in range(6000):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_an_interrupt_loses_unfinished_runs_only(
    runs: list[ProbeRun], monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    swap(monkeypatch, stay)
    pids: list[int] = []

    def interrupt() -> None:
        pids.extend(pid_in(run) for run in runs[2:])
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt, daemon=True).start()
    told = Told()
    with pytest.raises(StoppedError) as stopped:
        run_all(runs, 2, watcher=told, start_method="fork")
    assert len(pids) == 2, "it was stopped from elsewhere: by a `timeout` around the tests?"
    assert told.reasons == ["", ""], "other runs failed"
    assert stopped.value.code == code
    assert all(map(has_ended, pids))
    assert [RunFolder(run.folder).result.is_file() for run in runs] == [True, True, False, False]
    swap(monkeypatch, ALONE)
    assert all(outcome.record for outcome in run_all(runs, 2, start_method="fork"))


def test_no_process_is_left_by_signals_that_come_at_a_bad_time(
    runs: list[ProbeRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One while a process has started and is not yet in the list, one while the processes are being killed."""
    swap(monkeypatch, stay)
    start, started = workers._start, []

    def kill_disturbed(process: BaseProcess) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        type(process).kill(process)

    def start_disturbed(*arguments: Any) -> object:
        worker = start(*arguments)
        monkeypatch.setattr(worker.process, "kill", partial(kill_disturbed, worker.process))
        started.append(worker.process)
        if len(started) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return worker

    monkeypatch.setattr(workers, "_start", start_disturbed)
    with stoppable(), pytest.raises(StoppedError) as stopped:
        run_all(runs[2:], 2, start_method="fork")
    assert stopped.value.code == 75
    assert [process.exitcode for process in started] == [-signal.SIGKILL] * 2


def test_runs_end_with_the_process_that_started_them(runs: list[ProbeRun], monkeypatch: pytest.MonkeyPatch) -> None:
    swap(monkeypatch, stay)
    parent = multiprocessing.get_context("fork").Process(target=run_all, args=(runs[3:], 1, "cpu", None, "fork"))
    parent.start()
    pid = pid_in(runs[3])
    parent.kill()
    assert has_ended(pid)
    parent.join()


IGNORED = """
import multiprocessing.forkserver as server
from pathlib import Path
from lt_bench.probe import workers
workers._start_fork_server()
status = Path(f"/proc/{server._forkserver._forkserver_pid}/status").read_text()
print(int(status.partition("SigIgn:")[2].split()[0], 16) >> 1 & 1)
"""


def test_ctrl_c_while_the_fork_server_imports_is_left_to_the_command() -> None:
    """Bit 1 of the signals that it ignores, from its first instruction on, is SIGINT."""
    done = subprocess.run([sys.executable, "-c", IGNORED], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("1", "")
