"""One process of the check of ranks, here in a thread: what it calls and what it answers."""

from __future__ import annotations

import sys
import threading
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch
from broken_losses import Counting

from lt_bench.testing.cases import long_tail, make_case
from lt_bench.testing.rank_worker import Request, run_calls, serve


@pytest.mark.parametrize(("rank", "seen"), [(None, [2, 4, 2]), (0, [2, 2, 1]), (1, [0, 2, 1])])
def test_a_rank_gets_its_part_of_each_batch(rank: int | None, seen: list[int]) -> None:
    case = make_case(long_tail(2), [0, 1, 2, 1], seed=0)
    loss = run_calls(Request(Counting, {}, case, splits=(4, 1), seed=0), rank)
    assert isinstance(loss, Counting)
    assert loss.seen.tolist() == seen


def test_a_request_that_fails_is_answered_and_the_next_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    here, there = Pipe()
    worker = threading.Thread(target=serve, args=(there, 0), daemon=True)
    worker.start()
    for _ in range(2):
        here.send((list(sys.path), str(tmp_path)))
        here.send_bytes(b"no pickle")
        assert here.poll(60)
        saved, problem = here.recv()
        assert saved is None
        assert "UnpicklingError" in problem
    here.close()
    worker.join(60)
    assert not worker.is_alive()
