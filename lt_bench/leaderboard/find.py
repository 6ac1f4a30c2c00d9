"""Records in a folder that may hold runs, stored records, and whatever else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lt_bench.leaderboard.files import RESULT
from lt_bench.leaderboard.store import LARGEST

MANIFEST = "run.json"
OF_RUNS = {RESULT, MANIFEST, "config.py"}  # a folder with one of these is a run's; a classifier's alone has no MANIFEST
OF_MMENGINE = "vis_data"  # where mmengine leaves a config.py too, two folders below that of the run
STORED = re.compile(r"_seed\d+_[0-9a-f]{12}\.json$")
FIELDS = ("metrics", "per_class", "evaluator")  # of records, and of none of the other files that a run writes


@dataclass(frozen=True)
class Found:
    """records: files that are to be records, whether they are valid or not. unfinished: folders of runs that have none.
    problems: folders that can't be read.
    """

    records: tuple[Path, ...]
    unfinished: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()


def find_records(folder: Path) -> Found:
    """All records below `folder`, in the order of their paths. Links are not followed.

    Of a run's folder and all that lies below it, only RESULT and files that are named like stored records are records;
    elsewhere every .json is.
    """
    records: list[Path] = []
    unfinished: list[Path] = []
    problems: list[str] = []
    of_runs: set[Path] = set()

    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: cannot be read: {error.strerror}")

    for name, folders, files in os.walk(folder, onerror=unreadable, followlinks=False):
        root = Path(name)
        is_run = not OF_RUNS.isdisjoint(files) and root.name != OF_MMENGINE
        if is_run or root.parent in of_runs:
            of_runs.add(root)
            records += _named_like_records(root, files)
        else:
            records += [root / entry for entry in (*folders, *files) if entry.endswith(".json")]
        if is_run and RESULT not in files:
            unfinished.append(root)
    return Found(tuple(sorted(records)), tuple(sorted(unfinished)), tuple(problems))


def is_meant(path: Path) -> bool:
    """Whether `path` was to be a record, though it may be a damaged one: by its name, or by what is in it."""
    if path.name == RESULT or STORED.search(path.name):
        return True
    if path.suffix != ".json" or not path.is_file() or path.stat().st_size > LARGEST:
        return False
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return any(f'"{field}"'.encode() in content for field in FIELDS)


def _named_like_records(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    return (folder / name for name in names if name == RESULT or STORED.search(name))
