"""Ends a rank when another one is not heard of any more, as after a cable was pulled.

A process that dies closes its connections, and torchrun ends the others. A host that loses its network closes nothing:
gloo and NCCL would wait for it until their own time-out, which is hours here. So each rank tells the store of the
process group every few seconds that it is there, and reads what the others told, in a thread of its own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Protocol

EVERY = 3.0  # seconds between two beats
PATIENCE = 40.0  # seconds without one: with what torchrun takes to end a rank, a minute


class Store(Protocol):
    """Of torch's stores, what is needed here."""

    def set(self, key: str, value: str) -> None: ...
    def multi_get(self, keys: list[str]) -> list[bytes]: ...


class Beats:
    """Who was heard of when. Times are in seconds of one clock that goes on while a process is stopped.

    A time in which this process itself did nothing, stopped or starved, counts for nobody.
    """

    def __init__(self, others: list[int], now: float) -> None:
        self._heard = dict.fromkeys(others, now)
        self._told: dict[int, bytes] = {}
        self._gone: set[int] = set()
        self._looked = now

    def hear(self, told: dict[int, bytes], now: float) -> None:
        """What the ranks said last; one that says "bye" need not say more."""
        for rank, beat in told.items():
            if beat == b"bye":
                self._gone.add(rank)
            if self._told.get(rank) != beat:
                self._heard[rank], self._told[rank] = now, beat

    def silent(self, now: float) -> list[int]:
        """The ranks that were not heard of for `PATIENCE`."""
        slept = now - self._looked - 2 * EVERY
        if slept > 0:
            self._heard = {rank: heard + slept for rank, heard in self._heard.items()}
        self._looked = now
        return sorted(rank for rank, heard in self._heard.items() if rank not in self._gone and now - heard > PATIENCE)


@contextmanager
def listening(rank: int, world_size: int, connect: Callable[[], Store], end: Callable[[str], None]) -> Iterator[None]:
    """Within it, `end` is called, from another thread, with a message when a rank falls silent.

    connect: gives a connection of its own to a store that all ranks share; it may block, and so may its calls.
    """
    store = connect()
    others = [other for other in range(world_size) if other != rank]
    done, beats, lock = threading.Event(), Beats(others, time.monotonic()), threading.Lock()
    store.set(_key(rank), "here")

    def tell_and_hear() -> None:
        """Blocks for good when the store's host is gone, which the other thread sees as silence of all."""
        number = 0
        while not done.wait(EVERY):
            number += 1
            try:
                store.set(_key(rank), str(number))
                told = dict(zip(others, store.multi_get([_key(other) for other in others]), strict=True))
            except RuntimeError:  # the host of the store is gone, or a rank has not begun yet
                continue
            with lock:
                beats.hear(told, time.monotonic())
        with suppress(RuntimeError):  # nobody may be there to hear it
            store.set(_key(rank), "bye")

    def watch() -> None:
        while not done.wait(EVERY):
            with lock:
                silent = beats.silent(time.monotonic())
            if silent:
                ranks = f"rank{'s' if len(silent) > 1 else ''} {', '.join(map(str, silent))}"
                end(f"{ranks} of {world_size} not heard of for {PATIENCE:.0f} s: the host or its network is down")
                return

    telling, watching = (threading.Thread(target=work, daemon=True) for work in (tell_and_hear, watch))
    telling.start()
    watching.start()
    try:
        yield
    finally:
        done.set()
        telling.join(EVERY)  # not for ever: the store's host may be gone


def leave(message: str) -> None:
    """End this process at once: the main thread may be inside a collective that never returns."""
    print(f"error: {message}\nThe same command goes on from the last checkpoint.", file=sys.stderr, flush=True)
    os._exit(1)


def connect_to_group() -> Store:
    """A connection of its own to the store that the process group met at."""
    import torch.distributed as dist

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store: Store = dist.TCPStore(  # type: ignore[attr-defined]
        host, port, is_master=False, wait_for_workers=False, timeout=timedelta(seconds=PATIENCE / 2)
    )
    return store


def _key(rank: int) -> str:
    return f"lt_bench/beat/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{rank}"
