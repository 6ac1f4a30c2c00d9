"""`sweep`: which runs it stands for, and what it says of them."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import forked, small_model

from lt_bench.leaderboard.store import read
from lt_bench.run.experiment import Experiment

TRAINS = "LT_BENCH_TEST_SWEEP"
FEW = ("--set", "+test_dataloader.dataset.indices=8", *small_model())


def sweep(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked("sweep", *arguments, cwd=cwd, env={"LT_BENCH_DATA": str(cwd / "no-lvis-here")})


SMALL = ("--loss=ce,seesaw", "--dataset=glyphs", "--seeds=3,1", "--max-iters=2")


def test_jobs_have_the_folders_that_run_gives_them(tmp_path: Path) -> None:
    done = sweep(tmp_path, *SMALL, "--loss-grid=seesaw:p=0.6,0.7", "--amp", "--launcher=dry-run")
    assert done.returncode == 0, done.stderr
    commands = [shlex.split(line) for line in done.stdout.splitlines()]
    assert len(commands) == 2 * (1 + 2)
    common = {"dataset": "glyphs", "amp": True, "max_iters": 2}
    expected = {
        Experiment(loss=loss, seed=seed, hyper_parameters=own, **common).folder_name()  # type: ignore[arg-type]
        for seed in (3, 1)
        for loss, own in (("ce", {}), ("seesaw", {"p": 0.6}), ("seesaw", {"p": 0.7}))
    }
    work_dirs = {Path(word.partition("=")[2]) for words in commands for word in words if "--work-dir" in word}
    assert work_dirs == {tmp_path / "work_dirs" / name for name in expected}
    assert all(words[:5] == ["python", "-m", "lt_bench", "run", "--amp"] for words in commands)
    assert not (tmp_path / "work_dirs").exists()


def test_a_file_and_the_command_line_after_it(tmp_path: Path) -> None:
    text = 'loss = ["ce", "seesaw"]\nseeds = [3, 1]\ndataset = "glyphs"\nmax-iters = 5\n[set]\n"+a.b" = 1\n'
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    by_file = sweep(tmp_path, "s.toml", "--max-iters=2", "--launcher=dry-run")
    by_options = sweep(tmp_path, *SMALL, "--set=+a.b=1", "--launcher=dry-run")
    assert by_file.stdout == by_options.stdout != ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--loss=nothing",), "no loss 'nothing'"),
        (("--loss=ce", "--backbone=r50,r51"), "no backbone 'r51'"),
        (("--loss=ce", "--loss-grid=ce:beta=1"), "beta"),
        (("--loss=ce", "--seeds=1,1"), "given twice"),
        (("--loss=ce", "--name=../x"), "--name"),
        (("--loss=ce", "--launcher=slurm"), "no SLURM"),
        (("status",), "no sweep"),
        (("logs", "x"), "no sweep"),
        (("other.toml",), "other.toml"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_run(tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    extra = () if arguments[0] in ("status", "logs", "other.toml") else ("--dataset=glyphs",)
    done = forked("sweep", *arguments, *extra, cwd=tmp_path, env={"PATH": "/nowhere", "LT_BENCH_DATA": "/nowhere"})
    assert done.returncode == 2 and named in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(TRAINS not in os.environ, reason="several minutes: `make test-sweep`")
def test_a_sweep_that_is_killed_twice_ends_complete(tmp_path: Path) -> None:
    """Real runs, of the losses that TRAINS names, two seeds each; those of a sweep that nobody disturbed
    have the same predictions."""
    environment = {**os.environ, "LT_BENCH_DATA": str(tmp_path / "no-lvis-here")}
    words = (*SMALL, f"--loss={os.environ[TRAINS]}", "--max-iters=12", "--checkpoint-every=2", *FEW)
    command = (sys.executable, "-m", "lt_bench", "sweep", *words)
    expected = len(sweep(tmp_path, *words, "--launcher=dry-run").stdout.splitlines())
    for folder in ("killed", "whole"):
        (tmp_path / folder).mkdir()
    for _ in range(2):
        process = subprocess.Popen((*command, "--parallel=2"), cwd=tmp_path / "killed", env=environment)
        deadline = time.monotonic() + 120
        before = len(list((tmp_path / "killed").rglob("iter_*.pth")))
        while len(list((tmp_path / "killed").rglob("iter_*.pth"))) <= before and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    for folder in ("killed", "whole"):
        subprocess.run((*command, "--parallel=2"), cwd=tmp_path / folder, env=environment, check=True, timeout=3600)
    done = sweep(tmp_path / "killed", "status", "--json")
    jobs = json.loads(done.stdout)["jobs"]
    assert [job["state"] for job in jobs] == ["done"] * expected != []
    for job in jobs:
        killed = Path(job["folder"])
        whole = tmp_path / "whole" / killed.relative_to(tmp_path / "killed")
        assert read(killed / "result.json").predictions == read(whole / "result.json").predictions
        assert job["name"] in sweep(tmp_path / "killed", "status").stdout
    assert "predicting" in sweep(tmp_path / "killed", "logs", jobs[0]["name"]).stdout
