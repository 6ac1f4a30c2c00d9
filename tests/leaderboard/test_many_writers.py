"""Fifty processes that take in a record and make the pages at once, and some that are killed in the middle of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from lt_bench.cli.run import publish
from lt_bench.leaderboard import read_all, write
from lt_bench.leaderboard.page import pages, regenerate

WRITERS = 50
_context = multiprocessing.get_context("fork")


def start(record: Path, board: Path) -> Any:
    process = _context.Process(target=publish, args=([record], board))
    process.start()
    return process


@pytest.mark.extra
def test_no_record_of_fifty_is_lost_and_the_page_has_all(tmp_path: Path, make_record: Any) -> None:
    board = tmp_path / "board"
    records = [tmp_path / f"{seed}.json" for seed in range(WRITERS)]
    for seed, path in enumerate(records):
        write(make_record(seed=seed), path)
    processes = [start(path, board) for path in records]
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} == {0}
    found, problems = read_all(board / "results")
    assert (sorted(record.seed for _, record in found), problems) == (list(range(WRITERS)), [])
    made, _ = pages(board)
    assert {path: path.read_text(encoding="utf-8") for path in board.glob("*.md")} == made


@pytest.mark.extra
def test_a_killed_generation_leaves_whole_pages_and_is_made_up_for(tmp_path: Path, make_record: Any) -> None:
    board = tmp_path / "board"
    for seed in range(4):
        write(make_record(seed=seed), tmp_path / f"{seed}.json")
    publish([tmp_path / "0.json"], board)
    for attempt, seed in enumerate((1, 2, 3) * 4):
        process = start(tmp_path / f"{seed}.json", board)
        time.sleep(0.004 * attempt)  # anywhere in it
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        found, problems = read_all(board / "results")
        assert problems == [] and found
        text = (board / "made.md").read_text(encoding="utf-8")
        assert text.endswith("\n") and text.count("## ") >= 1
    for seed in (1, 2, 3):
        publish([tmp_path / f"{seed}.json"], board)
    assert len(read_all(board / "results")[0]) == 4
    before = (board / "made.md").read_bytes()
    regenerate(board)
    assert (board / "made.md").read_bytes() == before


def test_temporary_files_of_killed_processes_are_gone_with_the_next_record(tmp_path: Path, make_record: Any) -> None:
    board = tmp_path / "board"
    left = [board / ".made.md.abc.part", board / "results" / "made" / "a" / ".x_seed0.json.abc.part"]
    other = board / ".thesis.part"
    for path in (*left, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write(make_record(), tmp_path / "one.json")
    publish([tmp_path / "one.json"], board)
    assert [path.exists() for path in (*left, other)] == [False, False, True]
