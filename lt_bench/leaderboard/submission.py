"""Taking a run into the store: its record and all that others need to verify it."""

from __future__ import annotations

from pathlib import Path

from lt_bench.errors import RunFailedError, UserError
from lt_bench.leaderboard.dumped_config import publishable
from lt_bench.leaderboard.files import RESULT, files_of
from lt_bench.leaderboard.store import add, read
from lt_bench.leaderboard.verify import Verification, verify


def submit(source: Path, results: Path, annotations: Path | None = None) -> Path:
    """Verify a run and store it below the folder `results`; returns the path of its record.

    source: the folder of a run, which needs its record, evidence, AP by class and config, or a record with what lies
    beside it. A record of an earlier version, which has no evidence, is taken as it is. annotations: as in `verify`.

    Raises UserError when something is missing, and RunFailedError with every field that does not hold.
    """
    files = files_of(source / RESULT if source.is_dir() else source)
    if not files.record.is_file():
        raise UserError(f"{source} is no run's folder and no record", "name the folder that `run` wrote")
    record = read(files.record)
    needed = (files.evidence, files.per_class, files.config) if source.is_dir() else ()
    missing = [path.name for path in needed if not path.is_file()]
    if record.evidence is None and source.is_dir():
        missing.append(f"the evidence in {RESULT}")
    if missing:
        raise UserError(f"{source} lacks {', '.join(missing)}", "give the run's command again: it adds what is missing")
    if files.config.is_file():
        publishable(files.config)  # before anything is written
    found = verify(files.record, annotations=annotations)
    if found.problems:
        raise RunFailedError(refusal(found))
    return add(files.record, results)


def refusal(found: Verification) -> str:
    """Why a record is not taken."""
    lines = [f"  {problem}" for problem in found.problems]
    return "\n".join([f"{found.record} does not verify:", *lines])
