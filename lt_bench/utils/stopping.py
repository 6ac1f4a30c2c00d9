"""Requests to stop: SIGTERM, SIGUSR1 (the warning that SLURM sends) and Ctrl-C, and what becomes of them.

While something is going on that can be saved, a request is noted and whoever works looks for it; otherwise it raises
StoppedError at once. Ctrl-C for the second time is KeyboardInterrupt wherever the process is.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from lt_bench.errors import StoppedError

logger = logging.getLogger(__name__)

STOP_FILE = ".stop"  # in the folder of a run: asks its processes to save and to leave
PATIENCE = 30  # seconds that a worker goes on after SIGTERM, so that a step can be finished and saved
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGINT") if hasattr(signal, name))
_owner = 0  # the process that listens: those that it forks inherit its handlers
_noted: list[int] = []  # the signals that came, in order
_saving: list[str] = []  # what is going on that can be saved
_undisturbed: list[bool] = []  # one for each `undisturbed` that has begun


def requested() -> str | None:
    """The name of the first signal that asked to stop; None where none did."""
    return signal.Signals(_noted[0]).name if _noted else None


@contextmanager
def stoppable() -> Iterator[None]:
    """Within it, signals ask to stop. Without effect in other threads than the main one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _owner
    _owner = os.getpid()
    before: dict[int, Any] = {number: signal.signal(number, _note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _noted.clear()


def leave_if_requested() -> None:
    """Raises StoppedError for a request that was noted. To be called now and then by whoever waits long, since Python
    drops what a signal's handler raises while it runs a finalizer, and after `undisturbed`.
    """
    if _noted and not _saving and not _undisturbed:
        raise StoppedError(signal.Signals(_noted[0]).name)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within it, a request is only noted: for what takes no time and must not be left half done."""
    _undisturbed.append(True)
    try:
        yield
    finally:
        _undisturbed.pop()


@contextmanager
def asked_for(what: str) -> Iterator[None]:
    """Within it, whoever works looks for `requested` now and then, and saves `what`. Raises StoppedError at the end
    for a request that came too late to be seen."""
    _saving.append(what)
    try:
        yield
    finally:
        _saving.pop()
    if _noted:
        raise StoppedError(signal.Signals(_noted[0]).name)


def _note(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _owner:
        return
    again = number == signal.SIGINT and signal.SIGINT in _noted
    _noted.append(number)
    if again:
        raise KeyboardInterrupt
    if _undisturbed:
        return
    if not _saving:
        raise StoppedError(signal.Signals(number).name)
    logger.warning(f"{signal.Signals(number).name}: saving {_saving[-1]} (Ctrl-C, again, leaves at once)")


def leave_to_parent(last: Callable[[], None] = lambda: None) -> None:
    """In a process that works for another one: signals to a whole group of processes are the other one's to answer.

    SIGTERM is also what the other one ends this process with: the second one ends it, and the first after PATIENCE.
    `dismiss` ends it at once. last: what is done before it ends so.
    """

    def end(number: int, frame: FrameType | None) -> None:
        last()
        os._exit(0)

    def wait(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, end)
        signal.alarm(PATIENCE)

    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGTERM, wait)


def dismiss() -> None:
    """End the processes that work for this one."""
    for worker in multiprocessing.active_children():
        if worker.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGALRM)
