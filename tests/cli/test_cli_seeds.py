"""`run --seeds`: the command of each seed is the one that was given."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lt_bench.cli import common
from lt_bench.cli.run import run
from lt_bench.cli.seeds import given, run_each
from lt_bench.errors import RunFailedError, UserError
from lt_bench.run import seeds
from lt_bench.run.seeds import SeedRun

GIVEN = (
    *("--loss", "ecm", "--set", "model.neck={'a': [1, 2]}", "--set=+x.y=-1", "--loss-set", "gamma=2", "--amp"),
    *("--work-dir", "a folder", "--seeds", "4,2", "--restart", "--max-iters", "3", "--metrics", "ap,errors"),
)
FOLDERS = {4: Path("a folder/seed_4"), 2: Path("a folder/seed_2")}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[int]], dict[int, list[str]]]:
    """Gives the commands of the seeds instead of running them; codes: how each of them ends."""

    def give(codes: Sequence[int]) -> dict[int, list[str]]:
        made: dict[int, list[str]] = {}

        def record(folders: Mapping[int, Path], command: Callable[[int], Sequence[str]]) -> list[SeedRun]:
            made.update((seed, list(command(seed))) for seed in folders)
            ends = zip(folders.items(), codes, strict=True)
            return [SeedRun(seed, folder, None, "why", code) for (seed, folder), code in ends]

        monkeypatch.setattr(seeds, "run_seeds", record)
        with pytest.raises(UserError if set(codes) == {2} else RunFailedError, match="seed 4: why"):
            run_each(run.make_context("run", list(GIVEN)), FOLDERS, "glyphs")
        return made

    return give


def test_each_seed_gets_the_same_options(commands: Callable[[Sequence[int]], dict[int, list[str]]]) -> None:
    given = run.make_context("run", list(GIVEN)).params
    for seed, words in commands((1, 2)).items():
        assert words[:4] == [sys.executable, "-m", "lt_bench", "run"]
        parsed = run.make_context("run", words[4:]).params
        own = {"seed": seed, "seeds": None, "work_dir": FOLDERS[seed], "dataset": "glyphs"}
        assert parsed == given | own


def test_a_mistake_that_all_seeds_make_is_one(commands: Callable[[Sequence[int]], dict[int, list[str]]]) -> None:
    commands((2, 2))  # a UserError; with other codes a RunFailedError


def test_verbose_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "log_to_terminal", lambda level: None)
    assert "--verbose" in given(run.make_context("run", ["--loss", "ce", "-v"]))
    assert given(run.make_context("run", ["--loss", "ce"])) == ["--loss=ce"]
