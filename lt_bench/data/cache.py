"""The folder of what was made once and can be made again."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path:
    """Where made and checked things are kept: $LT_BENCH_CACHE, or .cache/lt_bench in the home folder."""
    given = os.environ.get("LT_BENCH_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "lt_bench"


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
