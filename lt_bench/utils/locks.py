"""Locks between processes: the system's where it has them, a claim file (see `claims`) where it has none that hold."""

from __future__ import annotations

import importlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from errno import EAGAIN, EWOULDBLOCK
from pathlib import Path
from typing import Any

from lt_bench.utils.claims import claimed, is_beating
from lt_bench.utils.file_systems import why_locks_are_local

try:
    fcntl: Any = importlib.import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger(__name__)

POLL = 0.05  # seconds between two attempts
_said: set[Path] = set()  # folders whose file system was named already


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Holds the lock file `path`, which stays: of several processes, one goes on and the others wait for it.

    The system frees the lock of a process that ends, however it ends. On a file system without locks, or with locks
    that hold on one machine alone or not at all, the file `path`.claim decides as well, which is said once. Missing
    parent folders are made. Raises TimeoutError, which says who, when another process holds it and this one shall
    not `wait`, and OSError when the file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        reason = _hold(path, wait, stack)
        if reason:
            _say(path.parent, reason)
            stack.enter_context(claimed(path.with_name(f"{path.name}.claim"), wait))
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file `path` now. Keeps nobody who wants it from getting it for more than an
    instant. Where claim files decide, one that does not beat (see `claims`) counts as free.
    """
    if is_beating(path.with_name(f"{path.name}.claim")):
        return True
    if fcntl is None:
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: of several that look, each sees it free
    except OSError as error:
        return error.errno in (EWOULDBLOCK, EAGAIN)
    finally:
        os.close(handle)
    return False


def _hold(path: Path, wait: bool, stack: ExitStack) -> str:
    """Take the system's lock until `stack` is closed. Returns why it keeps nobody out, or "" when it does."""
    if fcntl is None:
        return "this system has no file locks"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)  # several people may share a cache
    stack.callback(os.close, handle)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stack.callback(fcntl.flock, handle, fcntl.LOCK_UN)  # a process forked meanwhile would keep it
            return _without_effect(path) or why_locks_are_local(path)
        except OSError as error:
            if error.errno not in (EWOULDBLOCK, EAGAIN):  # only these mean that another process has it
                return f"its file system has no locks: {error.strerror}"
        if not wait:
            raise TimeoutError("another process")
        time.sleep(POLL)


def _without_effect(path: Path) -> str:
    """Why the lock on `path`, which this process has just got, is none: it can be had a second time."""
    second = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return ""
    finally:
        os.close(second)
    return "locks on its file system have no effect"


def _say(folder: Path, reason: str) -> None:
    if folder not in _said:
        _said.add(folder)
        logger.warning(f"{folder}: {reason}; a claim file with host and process id keeps other processes out")
