"""Taking runs into the store: their records and all that others need to verify them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lt_bench.errors import RunFailedError, UserError
from lt_bench.leaderboard.dumped_config import publishable
from lt_bench.leaderboard.files import RESULT, files_of, results_in
from lt_bench.leaderboard.store import add, read, record_path
from lt_bench.leaderboard.verify import Verification, verify

HELD_OUT = "--evaluate held_out"  # as a record's overrides say it


def submit(source: Path, results: Path, annotations: Path | None = None) -> Path:
    """Verify one run and store it below the folder `results`; returns the path of its record. Errors: `submissible`."""
    ((_, record),) = submissible([source], results, annotations).items()
    return add(record, results)


def submissible(sources: Iterable[Path], results: Path, annotations: Path | None = None) -> dict[Path, Path]:
    """Verify runs that are to be stored below the folder `results`; returns where each belongs -> its record.

    sources: the folder of a run, a folder that holds such folders, of which the finished ones count, or a record with
    what lies beside it. A run needs its record, evidence, AP by class and config, of which predictions made elsewhere
    have none; a record of an earlier version, which has no evidence, is taken as it is. annotations: as in `verify`.
    Nothing is written.

    Raises UserError when something is missing, two sources are the same run, or a run was evaluated on held-out images,
    and RunFailedError with every field of every record that does not hold.
    """
    found: dict[Path, Path] = {}
    refusals = []
    for source in (one for given in sources for one in _runs(given)):
        record, verified = _verified(source, annotations)
        if verified.problems:
            refusals.append(refusal(verified))
            continue
        place = results / record_path(read(record))
        if place in found and found[place].resolve() != record.resolve():
            raise UserError(f"{found[place]} and {record} are the same run: loss, track and seed", "add one of them")
        found[place] = record
    if refusals:
        raise RunFailedError("\n".join([*refusals, *(["no run was added"] if found else [])]))
    return found


def refusal(found: Verification) -> str:
    """Why a record is not taken."""
    lines = [f"  {problem}" for problem in found.problems]
    return "\n".join([f"{found.record} does not verify:", *lines])


def _runs(source: Path) -> list[Path]:
    """The folders of the runs in a folder of runs; `source` itself where it is anything else."""
    if not source.is_dir() or (source / RESULT).exists():
        return [source]
    return [record.parent for record in results_in(source)] or [source]


def _verified(source: Path, annotations: Path | None) -> tuple[Path, Verification]:
    """The record of a run and what was found of it. Raises UserError when something is missing."""
    files = files_of(source / RESULT if source.is_dir() else source)
    if not files.record.is_file():
        raise UserError(f"{source} is no run's folder and no record", "name the folder that `run` wrote")
    record = read(files.record)
    if HELD_OUT in record.overrides:
        raise UserError(
            f"{source} was evaluated on held-out training images: it chooses hyper-parameters, and goes on no board",
            "add runs that were evaluated on the validation images",
        )
    if source.is_dir() or record.schema_version >= 3:
        needed = [files.evidence, files.per_class, *[files.config] * (record.elsewhere is None)]
        missing = [path.name for path in needed if not path.is_file()]
        if record.evidence is None:
            missing.append(f"the evidence in {files.record.name}")
        if missing:
            remedy = "give the run's command again: it adds what is missing"
            raise UserError(f"{source} lacks {', '.join(missing)}", remedy)
    if files.config.is_file():
        publishable(files.config)  # a config that can't be published is no config for others
    return files.record, verify(files.record, annotations=annotations)
