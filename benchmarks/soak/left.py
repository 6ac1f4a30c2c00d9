"""What a soak may not leave behind: temporary files, locks that are held, records that do not verify."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from lt_bench.leaderboard.store import read_all
from lt_bench.leaderboard.verify import verify
from lt_bench.sweep.job import Job
from lt_bench.sweep.state import finished
from lt_bench.utils.locks import is_held

_ENDINGS = (".part", ".tmp", ".claim", ".claim.removing")
_NAMES = (".stop", ".reason")
_LOCKS = (".lock", ".training", ".sweep", ".submitting")  # these files stay: the lock is the system's


def temporary_files(folder: Path, unfinished: Sequence[Path]) -> Iterator[Path]:
    """Below `folder`, but for the folders of runs that are not finished: those are looked through when they go on."""
    for path in sorted(folder.rglob("*")):
        if (path.name.endswith(_ENDINGS) or path.name in _NAMES) and not set(path.parents) & set(unfinished):
            yield path


def held_locks(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob(".*")) if path.name in _LOCKS and is_held(path)]


def wrong_records(jobs: Sequence[Job], boards: Path) -> list[str]:
    """What does not hold of the records of finished jobs, and which of them are missing in the tables."""
    problems = []
    published, unreadable = read_all(boards / "results")
    problems += unreadable
    identities = {record.identity() for _, record in published}
    for job in jobs:
        record = finished(job)
        if record is None:
            problems.append(f"{job.label}: not finished")
            continue
        found = verify(job.folder / "result.json")
        if found.status != "verified":
            problems.append(f"{job.label}: {found.headline} {'; '.join(map(str, found.problems))}")
        if record.identity() not in identities:
            problems.append(f"{job.label}: missing in the tables")
    return problems
