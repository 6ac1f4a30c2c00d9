"""The folder of what was made once and can be made again."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from lt_bench.utils import homes

logger = logging.getLogger(__name__)

_said: set[Path] = set()


def cache_folder() -> Path:
    """Where made and checked things are kept: $LT_BENCH_CACHE, or .cache/lt_bench in the home folder.

    Without a home folder, or where that can't be written, it is a folder for temporary files, which is said once.
    Raises UserError when that is another user's.
    """
    given = os.environ.get("LT_BENCH_CACHE")
    if given:
        return homes.expanded(given, "LT_BENCH_CACHE")
    home = homes.own_home()
    if home is not None and homes.can_be_made(home / ".cache" / "lt_bench"):
        return home / ".cache" / "lt_bench"
    folder = homes.make_substitute() / ".cache" / "lt_bench"
    if folder not in _said:
        _said.add(folder)
        why = "there is no home folder" if home is None else f"{home} can't be written"
        logger.info(f"{why}: what is made once is kept in {folder}; LT_BENCH_CACHE names another folder")
    return folder


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
