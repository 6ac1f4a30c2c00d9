"""The files that belong to a record: of a run's folder, or beside a stored record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lt_bench.evaluation.evidence.file import EVIDENCE_FILE
from lt_bench.evaluation.inputs.predictions import PREDICTIONS_FILE

RESULT = "result.json"  # a record with this name is in a run's folder
STORED_EVIDENCE = ".evidence.parquet"


@dataclass(frozen=True)
class Files:
    """Paths, whether there is something or not. predictions, annotations (without the images that were left out),
    manifest and summary are in a run's folder alone.
    """

    record: Path
    evidence: Path
    per_class: Path
    config: Path
    predictions: Path | None = None
    annotations: Path | None = None
    manifest: Path | None = None
    summary: Path | None = None


def evidence_path(record: Path) -> Path:
    """Where the evidence of a stored record lies: beside it."""
    return record.with_suffix(STORED_EVIDENCE)


def files_of(record: Path) -> Files:
    """The files of a record, by its name."""
    if record.name != RESULT:
        beside = (record.with_suffix(suffix) for suffix in (".per_class.csv", ".config.py"))
        return Files(record, evidence_path(record), *beside)
    folder = record.parent
    names = (EVIDENCE_FILE, "per_class.csv", "config.py", PREDICTIONS_FILE)
    further = ("annotations_val.json", "run.json", "training.json")
    return Files(record, *(folder / name for name in (*names, *further)))


def beside(evidence: Path) -> Files:
    """The files of the record whose evidence this is."""
    if evidence.name == EVIDENCE_FILE:
        return files_of(evidence.with_name(RESULT))
    return files_of(evidence.with_name(f"{evidence.name.removesuffix(STORED_EVIDENCE)}.json"))


def is_plain(path: Path) -> bool:
    """Whether there is a file at `path` itself. A link leads elsewhere, and what it leads to is not in the store."""
    return path.is_file() and not path.is_symlink()


def results_in(folder: Path) -> list[Path]:
    """The record of the run's folder `folder`, else those of the runs' folders in it."""
    if (folder / RESULT).is_file():
        return [folder / RESULT]
    return sorted(run / RESULT for run in folder.iterdir() if (run / RESULT).is_file())
