"""What it changes when fewer RoIs of each training image are stored.

    python -m benchmarks.study.stored_rois RECORDS --rois 64

keeps a row for each record in RECORDS, runs of a classifier alone on features of which fewer RoIs were stored, in
leaderboards/study/rois. The boards hold those of all RoIs alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from benchmarks.common.command import SETTINGS
from benchmarks.common.table import table
from benchmarks.study import STUDY
from benchmarks.study.grid import Cell
from benchmarks.study.load import Track
from benchmarks.study.rows import Row, read_rows, row_of, write_rows
from lt_bench.errors import UserError
from lt_bench.leaderboard.cells import mean_and_deviation
from lt_bench.leaderboard.dumped_config import read_config
from lt_bench.leaderboard.files import files_of
from lt_bench.leaderboard.store import read_all

FOLDER = click.Path(path_type=Path)


@dataclass(frozen=True, eq=False)
class Fewer:
    """rows: of runs on features with `rois` RoIs of each training image. track: the board's, on all of them."""

    track: Track
    rois: int
    rows: Sequence[Row]


def fewer(folder: Path, tracks: Iterable[Track]) -> list[Fewer]:
    """Of the tables in `folder`/rois whose track has records."""
    there = [track for track in tracks if track.features is not None and not track.has_masks_of_its_own]
    found = []
    for path in sorted((folder / "rois").glob("*.csv")):
        rois, rows = int(path.stem.rpartition("_")[2]), read_rows(path)
        for track in there:
            own = [
                row
                for row in rows
                if (row.dataset, row.features, row.recipe) == (track.dataset, track.features, track.recipe)
            ]
            if own:
                found.append(Fewer(track, rois, own))
    return found


def of_fewer(one: Fewer) -> str:
    """Box AP of each loss with fewer RoIs and with all, the best with all first."""
    values = {
        loss: np.array([row.AP for row in one.rows if row.loss == loss and row.AP is not None])
        for loss in sorted({row.loss for row in one.rows})
    }
    board = {runs.name: runs.measured("AP") for runs in one.track.runs() if runs.name in values}
    rows = [
        [loss, len(values[loss]), mean_and_deviation(values[loss]), mean_and_deviation(board[loss])]
        for loss in sorted(board, key=lambda loss: -board[loss].mean())
    ]
    return table(["loss", "seeds", f"box AP, {one.rois} RoIs stored", "box AP, all stored"], rows, "lr")


@click.command(context_settings=SETTINGS)
@click.argument("records", type=FOLDER)
@click.option("--rois", required=True, type=click.IntRange(1), help="Stored of each training image, at most.")
@click.option("--out", type=FOLDER, default=STUDY, help="Default: leaderboards/study.")
def main(records: Path, rois: int, out: Path) -> None:
    """Keep rows of the records in a folder."""
    try:
        found, problems = read_all(records)
        if problems:
            raise UserError("; ".join(problems), "mend these records")
        of_features: dict[str, list[Row]] = {}
        for path, record in found:
            if record.track.features is not None:
                optimizer = read_config(files_of(path).config)["probe"]["optimizer"]
                cell = Cell(optimizer["lr"], record.iterations, optimizer["clip"] or 0.0)
                of_features.setdefault(record.track.features, []).append(row_of(record, cell, "val"))
        for name, rows in of_features.items():
            kept = out / "rois" / f"{name}_{rois}.csv"
            click.echo(f"{kept}: {write_rows(kept, rows)} rows")
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
