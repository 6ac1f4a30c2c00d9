"""A folder with the record of predictions that were made elsewhere, which `verify` and `leaderboard --add` take."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import Evaluator
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.evaluation.inputs.reading import Reading
from lt_bench.evaluation.metrics import Measured
from lt_bench.evaluation.report import class_rows, write_per_class
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read, slug, write
from lt_bench.run.environment import git_state, versions
from lt_bench.run.folder import RunFolder
from lt_bench.run.record import evaluators_used
from lt_bench.utils.files import refuse_unwritable_folder

COUNTS = ("name", "image_count", "instance_count")


@dataclass(frozen=True)
class Named:
    """What the user says of the predictions. name: of their row. run: which of several runs of that name."""

    name: str
    dataset: str
    run: int = 0
    source: str | None = None

    def folder(self) -> Path:
        """Where the record goes unless another place is named."""
        return Path("work_dirs") / "elsewhere" / f"{slug(self.dataset)}_{slug(self.name)}_run{self.run}"


def refuse_taken(folder: Path) -> None:
    """Make the folder. Raises UserError when it can't be written, or is that of something else."""
    refuse_unwritable_folder(folder)
    files = RunFolder(folder)
    taken = files.manifest.exists() or files.config.exists()
    if not taken and files.result.exists():
        taken = read(files.result).elsewhere is None
    if taken or (files.predictions.exists() and not files.predictions.is_symlink()):
        raise UserError(f"{folder} is the folder of a run", "name another one with --out")


def write_record(
    folder: Path,
    named: Named,
    predictions: Path,
    annotations: Path,
    measured: Measured,
    evaluator: Evaluator,
    reading: Reading,
    seconds: float,
) -> ResultRecord:
    """Write record, evidence and AP by class into `folder`, and a link to the predictions.

    measured: with evidence. predictions: the file that the evidence is of. seconds: that measuring took. Raises
    UserError when the annotations' categories lack what a record says of them.
    """
    evidence = measured.evidence
    assert evidence is not None
    lacking = [key for key in COUNTS if any(category.get(key) is None for category in measured.categories)]
    if lacking:
        raise UserError(
            f"{annotations}: the categories have no {', '.join(lacking)}, which a record says of each class",
            "`python -m lt_bench data check` lists what annotations lack",
        )
    files = RunFolder(folder)
    record = ResultRecord.model_validate(
        {
            "loss": {"name": named.name},
            "track": {"dataset": named.dataset},
            "seed": named.run,
            **measured.blocks(),
            "per_class": class_rows(measured.categories, measured.per_class()),
            "evaluator": evaluators_used(evaluator, measured),
            "evaluation_seconds": seconds,
            "versions": versions(),
            "git": git_state(),
            "data": {
                "val_annotations": evidence.annotations,
                "classes": len(measured.categories),
                "val_images": len(evidence.image_ids),
            },
            "predictions": evidence.predictions,
            "started": datetime.now(timezone.utc),
            "notes": [note[:1000] for note in (*measured.notes, *measured.warnings())],
            "evidence": write_evidence(evidence, files.evidence),
            "elsewhere": {
                "file": predictions.name,
                "image_ids": reading.image_ids,
                "category_ids": reading.category_ids,
                "source": named.source,
            },
        }
    )
    write_per_class(files.per_class, (row.model_dump() for row in record.per_class))
    write(record, files.result)
    _link(files.predictions, predictions)
    return record


def _link(link: Path, predictions: Path) -> None:
    """For `verify`, which measures predictions anew that lie beside a record. Where there are no links, it can't."""
    with suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(predictions.resolve())
