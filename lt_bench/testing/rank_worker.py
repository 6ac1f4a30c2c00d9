"""One of the two processes of the check of ranks."""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case
from lt_bench.testing.loss_under_test import LossUnderTest, call, seeded
from lt_bench.testing.result import reason

WORLD_SIZE = 2
GROUP_SECONDS = 30  # a rank that waits longer waits for ever: the other does not call


@dataclass(frozen=True)
class Request:
    """Calls of a loss on one case. splits: RoIs of rank 0 in each call, the others are rank 1's."""

    cls: type[LongTailLoss]
    hyper_parameters: Mapping[str, Any]
    case: Case
    splits: tuple[int, ...]
    seed: int


def run_calls(request: Request, rank: int | None) -> LongTailLoss:
    """The loss after all calls, forward and backward, on this rank's part of the batch, or on all of it.

    What they return is the business of other checks.
    """
    loss = LossUnderTest(request.cls, request.seed, request.hyper_parameters).build(request.case.stats)
    for number, split in enumerate(request.splits):
        logits, labels = request.case.batch(loss.num_logits, number)
        part = {None: slice(None), 0: slice(split), 1: slice(split, None)}[rank]
        with seeded(request.seed):
            value = call(loss, logits[part].requires_grad_(), labels[part])
            if value.requires_grad:
                value.backward()  # type: ignore[no-untyped-call]
    return loss


def serve(connection: Connection, rank: int) -> None:
    """Answer requests with (saved state, None) or (None, what went wrong) until the other end is closed."""
    torch.set_num_threads(1)
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            sys.path[:], folder = connection.recv()
            payload = connection.recv_bytes()
            connection.send(_answer(payload, folder, rank))


def _answer(payload: bytes, folder: str, rank: int) -> tuple[bytes | None, str | None]:
    try:
        request: Request = pickle.loads(payload)
        with _group(folder, rank):
            loss = run_calls(request, rank)
        saved = io.BytesIO()
        torch.save(loss.state_dict(), saved)
    except (Exception, SystemExit) as error:  # a plugin may fail in any way
        return None, reason(error)
    return saved.getvalue(), None


@contextlib.contextmanager
def _group(folder: str, rank: int) -> Iterator[None]:
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=WORLD_SIZE,
        timeout=timedelta(seconds=GROUP_SECONDS),
    )
    try:
        # A rank that is through before the other has connected would leave it waiting.
        dist.barrier()
        yield
    finally:
        dist.destroy_process_group()
