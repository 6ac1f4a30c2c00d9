"""`run --dry-run` and `--print-config`: they say what the run would do, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import forked
from run_fixtures import ECM, command, without_lvis

HERE = ("--dataset", "glyphs")


def test_the_printed_config_is_the_one_that_the_run_wrote(small: Path) -> None:
    arguments = command(*ECM, "--work-dir", "work", "--checkpoint-every", "1", "--print-config")
    before = sorted((path, path.stat().st_mtime_ns) for path in small.rglob("*"))
    done = forked(*arguments, "--dry-run", cwd=small, env=without_lvis(small))
    assert done.returncode == 0, done.stderr
    assert done.stdout == (small / "work" / "config.py").read_text(encoding="utf-8")
    assert "work: finished" in done.stderr  # the plan does not go into the pipe
    assert sorted((path, path.stat().st_mtime_ns) for path in small.rglob("*")) == before


def test_a_dry_run_tells_of_weights_batch_memory_and_disk(tmp_path: Path) -> None:
    env = {"TORCH_HOME": str(tmp_path / "no-weights")}
    arguments = ("--loss", "seesaw", "--init", "pretrained", "--gpus", "2", "--seeds", "0,4", "--work-dir", "work")
    done = forked("run", *HERE, *arguments, "--dry-run", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if not line.startswith("seed "))
    assert rows["batch"].startswith("2 device(s) x 4 images x 1 accumulated")
    assert "(to be fetched)" in done.stdout
    assert "at least" in rows["memory"] and "are free" in rows["disk"]
    assert rows["folder"] == "work/seed_0: nothing yet"
    assert "seed 4       work/seed_4: nothing yet" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gpus", "9"), "8 images equally"),
        (("--seeds", "2", "--print-config"), "prints one config"),
        (("--log", "tensorbord"), "no backend 'tensorbord'"),
        (("--log", "wandb,wandb"), "twice"),
        (("--checkpoint-every", "soon"), "'soon'"),
    ],
)
def test_a_dry_run_finds_the_mistakes_of_the_run(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = forked("run", "--loss", "ce", *HERE, *options, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr and not done.stdout, done.stderr + done.stdout


def test_a_folder_of_another_run_is_refused(small: Path) -> None:
    done = forked(*command("ce", "--work-dir", "work", "--dry-run"), cwd=small, env=without_lvis(small))
    assert done.returncode == 2
    assert "holds a run with other arguments" in done.stderr
