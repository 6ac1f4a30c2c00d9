"""A plugin that ends the process would look like a run that has ended well: what it calls is seen, and told."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class OSExit(SystemExit):
    """os._exit was called. Like sys.exit's, no `except Exception` of a plugin keeps it."""


def called(error: SystemExit) -> str:
    """What raised it, as one would write it."""
    return f"{'os._exit' if isinstance(error, OSExit) else 'sys.exit'}({error.code!r})"


@contextmanager
def seen_to_leave() -> Iterator[None]:
    """Within it, os._exit raises OSExit, if this process calls it in its main thread.

    In another thread nothing can be raised that others hear: there it ends the process as before, but not with 0, which
    would mean success. What is forked from this process ends as it wants to.
    """
    owner, leave = os.getpid(), os._exit

    def seen(status: int = 0) -> NoReturn:
        if os.getpid() != owner:
            leave(status)
        if threading.current_thread() is threading.main_thread():
            raise OSExit(status)
        leave(status or 1)

    os._exit = seen  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave
