"""Pages whose making is killed at each step that matters, and by processes that can't lock each other out."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from lt_bench.cli.run import publish
from lt_bench.leaderboard import page, read_all, write
from lt_bench.leaderboard.page import pages, regenerate
from lt_bench.leaderboard.store import add
from lt_bench.utils import claims

SETS = ("made", "other")  # the pages are written in this order
WRITERS, RECORDS = 2, 4
_context = multiprocessing.get_context("fork")


def stored(board: Path, record: Any) -> None:
    """Without making the pages."""
    made = board.parent / "made.json"
    write(record, made)
    add(made, board / "results")


def content_of(board: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in board.glob("*.md")}


def in_process(work: Callable[..., None], *arguments: Any) -> Any:
    process = _context.Process(target=work, args=arguments)
    process.start()
    return process


def regenerate_and_die(board: Path, step: int) -> None:
    """Killed when something is synced for the `step`th time: of each page its file, under another name, and, once it is
    renamed, its folder."""
    left = step
    sync = os.fsync

    def die(fd: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(fd)

    os.fsync = die  # type: ignore[assignment]
    regenerate(board)


@pytest.mark.parametrize(("step", "renewed"), [(1, 0), (2, 1), (3, 1), (4, 2)])
def test_each_page_is_the_old_one_or_the_new_one(tmp_path: Path, make_record: Any, step: int, renewed: int) -> None:
    board = tmp_path / "board"
    for name in SETS:
        stored(board, make_record(dataset=name))
    regenerate(board)
    old = content_of(board)
    for name in SETS:
        stored(board, make_record(dataset=name, seed=1))
    new = {path.stem: text for path, text in pages(board)[0].items()}
    assert set(old) == set(new) == set(SETS) and all(old[name] != new[name] for name in SETS)

    process = in_process(regenerate_and_die, board, step)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert content_of(board) == {name: (new if SETS.index(name) < renewed else old)[name] for name in SETS}

    made = tmp_path / "another.json"
    write(make_record(dataset=SETS[0], seed=1), made)
    publish([made], board)
    assert content_of(board) == new
    assert not list(board.rglob(".*.part"))


def publish_without_locks(board: Path, records: list[Path]) -> None:
    """One by one, as runs that end, on a file system that has no locks. Between reading the records and writing a page
    there is time for the other process."""

    def refuse(handle: Any, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def slowly(path: Path, chunks: Iterable[bytes]) -> str:
        time.sleep(0.02)
        return write_atomic(path, chunks)

    write_atomic = page.write_atomic
    fcntl.flock, page.write_atomic, claims.POLL = refuse, slowly, 0.01
    for record in records:
        publish([record], board)


def test_without_locks_no_record_of_two_processes_is_lost(tmp_path: Path, make_record: Any) -> None:
    board = tmp_path / "board"
    records = [tmp_path / f"{seed}.json" for seed in range(WRITERS * RECORDS)]
    for seed, path in enumerate(records):
        write(make_record(seed=seed), path)
    processes = [in_process(publish_without_locks, board, records[number::WRITERS]) for number in range(WRITERS)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    found, problems = read_all(board / "results")
    assert (sorted(record.seed for _, record in found), problems) == (list(range(len(records))), [])
    assert content_of(board) == {path.stem: text for path, text in pages(board)[0].items()}
    assert not list(board.rglob("*.claim"))
