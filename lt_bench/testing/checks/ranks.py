"""Two ranks with half of the batch each end with the state of one rank with the whole batch.

Real processes with a gloo group. They are started once and serve every loss that is checked: importing torch takes
longer than the check.
"""

from __future__ import annotations

import io
import multiprocessing
import pickle
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import differing, examine
from lt_bench.testing.loss_under_test import LossUnderTest
from lt_bench.testing.rank_worker import WORLD_SIZE, Request, run_calls, serve
from lt_bench.testing.result import NotApplicable, Wrong

LIMIT = 1e-6  # the ranks' sums are added in another order
SECONDS = 90.0  # for an answer; the group itself gives up sooner


def ranks(under_test: LossUnderTest) -> str:
    cases = [all_cases(under_test.seed)[index] for index in (2, -1)]  # five classes, and LVIS scale
    if not any(under_test.build(case.stats).state_dict() for case in cases):
        cases = cases[:1]  # nothing to compare: it must only come to an end

    def test(case: Case) -> None:
        total = len(case.labels)
        # Even and uneven parts, no RoI for one of the ranks, then a call on what that left behind.
        splits = (total // 2, total - 2, 0, total // 2)
        request = Request(under_test.cls, dict(under_test.hyper_parameters), case, splits, under_test.seed)
        found = [torch.load(io.BytesIO(state), weights_only=False) for state in _pair().ask(request)]
        expected = run_calls(request, rank=None).state_dict()
        difference = differing(found[0], found[1])
        if difference:
            raise Wrong(f"after {len(splits)} calls {difference} differs between the ranks")
        difference = differing(found[0], expected, LIMIT)
        if difference:
            raise Wrong(f"after {len(splits)} calls {difference} differs from that of one rank with the whole batch")

    examine(cases, test, shrink=False)  # a deadlock costs its time limit, each time
    if len(cases) == 1:
        raise NotApplicable("no state: two ranks end, and have nothing to agree on")
    return "equal on both ranks, and equal to one rank with the whole batch"


class RankPair:
    """Two processes that wait for requests."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connections: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for rank in range(WORLD_SIZE):
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(there, rank), daemon=True)
            process.start()
            there.close()
            self._connections.append(here)
            self._processes.append(process)

    def alive(self) -> bool:
        return all(process.is_alive() for process in self._processes)

    def ask(self, request: Request) -> list[bytes]:
        """The saved state of each rank. Raises Wrong when a rank fails, or waits for the other until time is up."""
        try:
            payload = pickle.dumps(request)
        except Exception as error:
            raise NotApplicable(f"a class that can't be pickled has no second process: {error}") from error
        with tempfile.TemporaryDirectory() as folder:
            for connection in self._connections:
                connection.send((list(sys.path), folder))
                connection.send_bytes(payload)
            return self._answers()

    def _answers(self) -> list[bytes]:
        deadline = time.monotonic() + SECONDS
        answers: list[Any] = []
        for rank, connection in enumerate(self._connections):
            try:
                if not connection.poll(max(0.0, deadline - time.monotonic())):
                    raise Wrong(f"rank {rank} does not come to an end: the ranks wait for each other")
                answers.append(connection.recv())
            except (EOFError, OSError) as error:
                self.stop()
                raise Wrong(f"the process of rank {rank} ended: {error}") from error
            except Wrong:
                self.stop()
                raise
        for rank, answer in enumerate(answers):
            if answer[1] is not None:
                raise Wrong(f"rank {rank}: {answer[1]}")
        return [state for state, _ in answers]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()


_started: list[RankPair] = []


def _pair() -> RankPair:
    if not _started or not _started[-1].alive():
        _started[:] = [RankPair()]
    return _started[-1]


def prepare() -> None:
    """Start the processes, so that they import torch while other checks run."""
    _pair()
