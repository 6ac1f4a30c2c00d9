"""Rows whose evidence does not bear them out are said."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lt_bench.cli import main
from lt_bench.leaderboard import read
from lt_bench.leaderboard.submission import submit
from lt_bench.leaderboard.verified import verified_run


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_bench.leaderboard.verified.cache_folder", lambda: tmp_path / "cache")


@pytest.mark.parametrize("damage", ["altered", "removed"])
def test_leaderboard_warns_of_evidence_that_does_not_match(finished: Path, tmp_path: Path, damage: str) -> None:
    board = tmp_path / "board"
    record = submit(finished, board / "results")
    evidence = record.with_suffix(".evidence.parquet")

    def leaderboard(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["leaderboard", "--folder", str(board), *arguments])
        return done.exit_code, done.stderr

    assert leaderboard() == (0, "")
    assert leaderboard("--check") == (0, "")
    assert verified_run(record, read(record)).evidence == evidence
    if damage == "removed":
        evidence.unlink()
    else:
        evidence.write_bytes(evidence.read_bytes() + b"x")
    for arguments in ((), ("--check",)):
        code, warning = leaderboard(*arguments)
        assert code == 0
        (line,) = warning.splitlines()
        assert line.startswith(f"{record}: ") and "counts as unverified" in line
    assert verified_run(record, read(record)).evidence is None
