"""What the study keeps of a run of the grid: a line of a table instead of a record with its evidence.

The digests are those that the record would have: who repeats a run can tell whether it is the same.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.study.grid import Cell
from lt_bench.errors import UserError
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import slug
from lt_bench.utils.files import write_atomic

DIGITS = 16  # of a digest
METRICS = ("AP", "APr", "APc", "APf")


@dataclass(frozen=True)
class Row:
    """evaluated: "val" or "held_out". AP and so on: of boxes, in [0, 1]; None where the loss became NaN.

    identity, predictions: the first digits of the record's identity, which covers the fingerprint, and of the SHA-256
    of its predictions.
    """

    dataset: str
    features: str
    recipe: str
    evaluated: str
    loss: str
    rate: float
    steps: int
    clip: float
    seed: int
    AP: float | None
    APr: float | None
    APc: float | None
    APf: float | None
    identity: str
    predictions: str

    @property
    def cell(self) -> Cell:
        return Cell(self.rate, self.steps, self.clip)

    @property
    def key(self) -> tuple[Any, ...]:
        """What there is one row of, in the table's order."""
        return self.features, self.recipe, self.evaluated, self.loss, self.steps, self.rate, self.clip, self.seed


def row_of(record: ResultRecord, cell: Cell, evaluated: str) -> Row:
    """The row of a finished run."""
    track, metrics = record.track, record.metrics.of("bbox")
    return Row(
        dataset=track.dataset,
        features=str(track.features),
        recipe=track.recipe,
        evaluated=evaluated,
        loss=record.method,
        rate=cell.rate,
        steps=cell.steps,
        clip=cell.clip,
        seed=record.seed,
        AP=metrics.AP,
        APr=metrics.APr,
        APc=metrics.APc,
        APf=metrics.APf,
        identity=record.identity()[:DIGITS],
        predictions=record.predictions[:DIGITS],
    )


def table_path(folder: Path, features: str, recipe: str) -> Path:
    return folder / "grid" / f"{slug(features)}_{recipe}.csv"


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Add rows to the table at `path`, in place of those of the same runs; returns how many it has."""
    there = {row.key: row for row in (*read_rows(path), *rows)}
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(there[key]) for key in sorted(there))
    write_atomic(path, [text.getvalue().encode()])
    return len(there)


def read_rows(path: Path) -> list[Row]:
    """The rows of a table, none where there is no table. Raises UserError for a file that is none."""
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [_row(line) for line in csv.DictReader(stream)]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path} is no table of the grid: {error!r}", "make it anew with benchmarks.study.runs"
        ) from error


def _row(line: dict[str, Any]) -> Row:
    numbers: dict[str, Any] = {name: float(line[name]) if line[name] else None for name in METRICS}
    numbers |= {name: int(line[name]) for name in ("steps", "seed")} | {
        name: float(line[name]) for name in ("rate", "clip")
    }
    return Row(**line | numbers)
