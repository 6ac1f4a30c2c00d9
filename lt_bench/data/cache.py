"""The folder of what was made once and can be made again, safe for several processes at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def cache_folder() -> Path:
    """Where made and checked things are kept: $LT_BENCH_CACHE, or .cache/lt_bench in the home folder."""
    given = os.environ.get("LT_BENCH_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "lt_bench"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of `path`: of several processes, one makes it and the others wait.

    The system frees the lock of a process that ends, however it ends. Raises OSError where no lock can be had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mark_used(path: Path) -> None:
    """Note that `path` is in use, for `drop_unused`."""
    with suppress(OSError):
        os.utime(path)


def drop_unused(folder: Path, days: float) -> None:
    """Remove the files of `folder` that were not written or marked as used for so many days."""
    oldest = time.time() - days * 86400
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)
