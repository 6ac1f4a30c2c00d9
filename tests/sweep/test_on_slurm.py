"""Sweeps on a real SLURM: `make test-slurm`.

Jobs are cancelled, killed, warned, run into their limit; the node is drained, the controller started anew. Each time
the sweep ends complete, and nothing that was done is done twice.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_cluster
from made_sweeps import PROGRAM, lines, made_sweep, started, wait_until

from lt_bench.sweep.attempt import read_submitted
from lt_bench.sweep.job import Job, Sweep
from lt_bench.sweep.slurm import ask_queue, cancel, submit
from lt_bench.sweep.state import JobStatus, status_of

ASKED = "LT_BENCH_TEST_SLURM"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(ASKED not in os.environ, reason="a SLURM is set up by `make test-slurm` alone"),
]
ONE = {"cpus_per_task": 1, "time": 10}


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if problem := slurm_cluster.missing():
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp("slurm")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # munge's own user looks for its key here
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    slurm_cluster.start(folder)
    yield folder
    slurm_cluster.stop(folder)
    if before is None:
        del os.environ["SLURM_CONF"]
    else:
        os.environ["SLURM_CONF"] = before


def look(sweep: Sweep) -> list[JobStatus]:
    queue = ask_queue()
    return [status_of(job, queue) for job in sweep.jobs]


def are(sweep: Sweep, *expected: str) -> bool:
    return [state.state for state in look(sweep)] == list(expected)


def scheduler_id(job: Job) -> str:
    submitted = read_submitted(job.folder)
    assert submitted is not None
    return submitted.job


def slurm(*command: str) -> None:
    subprocess.run(command, check=True, timeout=60)


def begun(sweep: Sweep) -> None:
    wait_until(lambda: all(len(lines(job.folder / "steps")) > 12 for job in sweep.jobs), 120)


def worker_pid(job: Job) -> int:
    return int(json.loads((job.folder / "attempt.json").read_bytes())["pid"])


def test_a_sweep_ends_as_on_this_machine(tmp_path: Path) -> None:
    jobs = ("--steps=5", "--fail=memory:1", "--fail=mistake", "--fail=kill:1")
    sweep = made_sweep(tmp_path / "slurm", *jobs, launcher="slurm", slurm=ONE)
    assert [state.state for state in submit(sweep, sweep.jobs, PROGRAM)] == ["not launched"] * 4
    ids = [scheduler_id(job) for job in sweep.jobs]
    again = submit(sweep, sweep.jobs, PROGRAM)  # by now they wait or run, or are finished
    assert "not launched" not in [state.state for state in again]
    assert [scheduler_id(job) for job in sweep.jobs] == ids
    wait_until(lambda: are(sweep, "done", "done", "failed", "done"), 120)
    here = made_sweep(tmp_path / "here", *jobs)
    said, _ = started(here).communicate(timeout=120)
    assert said.splitlines()[-1] == "done,done,failed,done"
    for job, other in zip(sweep.jobs, here.jobs, strict=True):
        for name in ("result.json", "steps", "kept"):
            one, two = job.folder / name, other.folder / name
            assert one.is_file() == two.is_file() and (not one.is_file() or one.read_bytes() == two.read_bytes())


def test_a_cancelled_job_saves_and_goes_on_when_it_is_submitted_again(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, "--steps=200", launcher="slurm", slurm=ONE)
    submit(sweep, sweep.jobs, PROGRAM)
    begun(sweep)
    assert cancel(sweep.jobs, ask_queue()) == list(sweep.jobs)
    wait_until(lambda: are(sweep, "stopped"), 90)
    submit(sweep, sweep.jobs, PROGRAM)
    wait_until(lambda: are(sweep, "done"), 120)
    assert lines(sweep.jobs[0].folder / "steps") == [str(step) for step in range(200)]


def test_a_job_whose_processes_are_killed_is_run_again(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, "--steps=200", "--steps=200", launcher="slurm", slurm=ONE)
    submit(sweep, sweep.jobs, PROGRAM)
    begun(sweep)
    os.kill(worker_pid(sweep.jobs[0]), signal.SIGKILL)
    os.kill(int(lines(sweep.jobs[1].folder / "starts")[-1]), signal.SIGKILL)
    wait_until(lambda: look(sweep)[0].state in ("lost", "stopped") and look(sweep)[1].state == "done", 120)
    submit(sweep, sweep.jobs, PROGRAM)
    wait_until(lambda: are(sweep, "done", "done"), 120)
    assert [len(lines(job.folder / "starts")) for job in sweep.jobs] == [2, 2]


def test_a_warned_job_saves_and_is_requeued(tmp_path: Path) -> None:
    sweep = made_sweep(tmp_path, "--steps=200", launcher="slurm", slurm=ONE)
    submit(sweep, sweep.jobs, PROGRAM)
    begun(sweep)
    slurm("scancel", "--signal=USR2", scheduler_id(sweep.jobs[0]))
    wait_until(lambda: are(sweep, "waiting"), 60)
    wait_until(lambda: are(sweep, "done"), 240)
    assert lines(sweep.jobs[0].folder / "steps") == [str(step) for step in range(200)]


def test_a_job_goes_on_after_its_time_limit(tmp_path: Path) -> None:
    # SLURM looks once a minute, so the warning comes 15 to 75 s after the start: fewer steps fit into that.
    limits = {"time": 2, "signal_delay_s": 45, "cpus_per_task": 1}
    sweep = made_sweep(tmp_path, "--steps=1600", launcher="slurm", slurm=limits)
    submit(sweep, sweep.jobs, PROGRAM)
    wait_until(lambda: are(sweep, "done"), 1200)
    assert len(lines(sweep.jobs[0].folder / "starts")) > 1
    assert lines(sweep.jobs[0].folder / "steps") == [str(step) for step in range(1600)]


def test_a_drained_node_and_a_controller_that_is_started_anew(tmp_path: Path, cluster: Path) -> None:
    slurm("scontrol", "update", f"nodename={platform.node()}", "state=drain", "reason=test")
    sweep = made_sweep(tmp_path, "--steps=100", "--steps=100", launcher="slurm", slurm=ONE)
    submit(sweep, sweep.jobs, PROGRAM)
    assert are(sweep, "waiting", "waiting")
    slurm("scontrol", "update", f"nodename={platform.node()}", "state=resume")
    begun(sweep)
    slurm_cluster.end(cluster / "slurmctld.pid")
    slurm_cluster.start_controller(cluster)
    wait_until(lambda: are(sweep, "done", "done"), 120)
    assert [len(lines(job.folder / "starts")) for job in sweep.jobs] == [1, 1]
