"""`run --seeds` with real, short runs: one that fails, and two that are what they are alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch
from command_line import forked
from run_fixtures import ECM, command, run, without_lvis

from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read

Set = tuple[Path, subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Set:
    """Seeds 2, 1 and 0 of the run of `small`. The folder of seed 2 holds something else."""
    cwd = tmp_path_factory.mktemp("seeds")
    (cwd / "set" / "seed_2").mkdir(parents=True)
    for name in ("run.json", "result.json"):
        (cwd / "set" / "seed_2" / name).write_text("{", encoding="utf-8")
    arguments = command(*ECM, "--dataset", "glyphs", "--seeds", "2,1,0", "--work-dir", "set")
    return cwd, forked(*arguments, cwd=cwd, env=without_lvis(cwd))


def test_seeds_run_in_turn_and_a_failed_one_is_named(several: Set) -> None:
    cwd, done = several
    assert done.returncode == 1, done.stdout + done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("---")] == [
        f"--- seed {seed} ({number} of 3)" for number, seed in enumerate((2, 1, 0), 1)
    ]
    failed = done.stderr[done.stderr.index("failed: 1 of 3 seeds") :]
    assert "seed 2: " in failed and "seed_2 holds another run" in failed
    assert "seed 0: " not in failed and "seed 1: " not in failed
    assert "ecm on glyphs: seeds 1, 0;" in done.stdout
    (ap,) = (line.split() for line in done.stdout.splitlines() if line.split()[:1] == ["AP"] and "in" not in line)
    records = [read(cwd / "set" / f"seed_{seed}" / "result.json") for seed in (0, 1)]
    masks = [100 * record.metrics.segm.AP for record in records if record.metrics.segm is not None]
    assert ap[4:] == [f"{sum(masks) / 2:.2f}", f"{abs(masks[0] - masks[1]) / 2**0.5:.2f}", "2"]
    published = sorted(path.name[:9] for path in (cwd / "work_dirs" / "leaderboards" / "results").rglob("*.json"))
    assert published == ["ecm_seed0", "ecm_seed1"]


def test_a_seed_among_several_is_the_run_that_it_is_alone(several: Set, small: Path) -> None:
    """Seed 0 was the last of them; `small` ran it alone."""
    alone, among = small / "work", several[0] / "set" / "seed_0"
    one, other = (what_was_measured(read(folder / "result.json")) for folder in (alone, among))
    assert one == other
    assert (alone / "predictions.json").read_bytes() == (among / "predictions.json").read_bytes()
    weights = [torch.load(folder / "iter_2.pth", weights_only=False)["state_dict"] for folder in (alone, among)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_finished_seeds_are_skipped(several: Set) -> None:
    cwd, _ = several
    before = (cwd / "set" / "seed_0" / "result.json").read_bytes()
    done = run(cwd, *ECM, "--dataset", "glyphs", "--seeds", "1", "--work-dir", "set")  # a count
    assert done.stderr.count("this run is finished") == 1
    assert "training:" not in done.stderr
    assert "ecm on glyphs: seed 0;" in done.stdout
    assert "One seed shows no spread" in done.stdout
    assert (cwd / "set" / "seed_0" / "result.json").read_bytes() == before


def what_was_measured(record: ResultRecord) -> dict[str, object]:
    """A record without what differs between two runs of the same: times, memory, what git says of the code, and the
    seal."""
    moving = {"training_seconds", "evaluation_seconds", "memory", "started", "git", "seal"}
    return record.model_dump(exclude=moving)
