"""Runs of a narrow model through the command line, and the one that several files of tests look at."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import forked, small_model

FEW_IMAGES = ("--set", "+test_dataloader.dataset.indices=8")
SMALL = small_model()
ECM = ("ecm", "--max-iters", "2")  # what the fixture `small` ran


def command(loss: str, *arguments: str, model: Sequence[str] = SMALL) -> tuple[str, ...]:
    """A run of a narrow model that predicts a few images."""
    return ("run", "--loss", loss, "--backbone", "r50", "--schedule", "1x", *FEW_IMAGES, *model, *arguments)


def without_lvis(cwd: Path, path: Path | None = None) -> dict[str, str]:
    return {"LT_BENCH_DATA": str(cwd / "no-lvis-here"), **({"PYTHONPATH": str(path)} if path else {})}


def run(
    cwd: Path, loss: str, *arguments: str, model: Sequence[str] = SMALL, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Such a run, which must succeed. path: PYTHONPATH of the processes that the run starts."""
    done = forked(*command(loss, *arguments, model=model), cwd=cwd, env=without_lvis(cwd, path))
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two iterations of ecm, in the folder `work` of this one. Tests leave what it wrote as it is."""
    cwd = tmp_path_factory.mktemp("small")
    run(cwd, *ECM, "--work-dir", "work", "--checkpoint-every", "1")
    return cwd
