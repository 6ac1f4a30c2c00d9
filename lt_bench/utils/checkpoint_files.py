"""The checkpoints of a run's folder: written whole or not at all, listed with digests, the newest whole one found.

`checkpoints.json` lists them, the newest last. A file that is not listed is none: it was being written when its process
ended.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lt_bench.utils.files import replace_with, sha256_of, write_atomic

logger = logging.getLogger(__name__)

LIST = "checkpoints.json"
POINTER = "last_checkpoint"  # mmengine's, with the path of the newest
UNFINISHED = ".checkpoint.part"


@dataclass(frozen=True)
class Checkpoint:
    """file: its name. iteration: of the data loader, how many are done. kept: not to be removed when it is old."""

    file: str
    iteration: int
    sha256: str
    kept: bool = False


def listed(folder: Path) -> list[Checkpoint]:
    """Those of a folder, the newest last; none where there is no list that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        entries = json.loads((folder / LIST).read_text(encoding="utf-8"))["checkpoints"]
        found = [Checkpoint(**{**entry, "file": Path(entry["file"]).name}) for entry in entries]
        return sorted(found, key=lambda one: one.iteration)
    return []


def newest_whole(folder: Path) -> Checkpoint | None:
    """The newest one whose content is what was written. One that is damaged is named in the log."""
    for checkpoint in reversed(listed(folder)):
        path = folder / checkpoint.file
        if path.is_file() and sha256_of(path) == checkpoint.sha256:
            return checkpoint
        what = "is damaged" if path.is_file() else "is gone"
        logger.warning(f"the checkpoint {checkpoint.file} {what}: looking for the one before")
    return None


def write_checkpoint(
    folder: Path, name: str, iteration: int, save: Callable[[Path], None], keep: int, kept: bool = False
) -> None:
    """Have `save` write a file, make sure that it is on disk, give it its name, and list it.

    keep: how many of the newest stay, beside those that are `kept`. Raises OSError, and then all is as it was.
    """
    unfinished = folder / UNFINISHED
    try:
        save(unfinished)
        with unfinished.open("rb+") as stream:
            os.fsync(stream.fileno())
        digest = sha256_of(unfinished)
        replace_with(unfinished, folder / name)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    others = [one for one in listed(folder) if one.file != name and one.iteration < iteration]
    rolling = [one for one in others if not one.kept]
    removed = rolling[: max(0, len(rolling) - keep + 1)]
    entries = [*(one for one in others if one not in removed), Checkpoint(name, iteration, digest, kept)]
    content = json.dumps({"checkpoints": [asdict(one) for one in entries]}, indent=2)
    write_atomic(folder / LIST, [content.encode()])
    write_atomic(folder / POINTER, [os.fsencode(folder / name)])
    for one in removed:
        (folder / one.file).unlink(missing_ok=True)
