"""The import of a plugin's module, which may hang, end the process or print."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from types import FrameType
from typing import Any, NoReturn

from lt_bench.errors import PluginError

SECONDS = 60.0  # that an import may take, torch's own not counted: it is there before


class _Left(BaseException):
    """Leaves a module in the middle of its import; no `except Exception` in it keeps that."""


@contextmanager
def guarded_import(seconds: float | None = None) -> Iterator[None]:
    """Within it, an import that takes longer than `seconds` (SECONDS) or calls os._exit raises PluginError, and what it
    prints goes to the error stream: the output is the command's.

    There is a time limit where there are signals, in the main thread, and while no other timer runs. It interrupts
    Python code, and calls that the system ends at a signal.
    """
    limit, leave = SECONDS if seconds is None else seconds, os._exit
    os._exit = _refuse  # type: ignore[assignment]
    try:
        with _time_limit(limit), redirect_stdout(sys.stderr):
            yield
    except _Left as error:
        raise PluginError(str(error)) from None
    finally:
        os._exit = leave


def _refuse(status: int = 0) -> NoReturn:
    raise _Left(f"its import calls os._exit({status})")


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "setitimer") or not in_main_thread or any(signal.getitimer(signal.ITIMER_REAL)):
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise _Left(f"its import takes longer than {seconds:g} s")

    before: Any = signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
