"""What the grid shows: is the order of losses stable over it, and what does each loss's best cell change."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.study.agreements import METRICS, Comparison, compare_runs
from benchmarks.study.choice import chosen_cells, held_out_means
from benchmarks.study.grid import Cell
from benchmarks.study.load import Track, cell_of, with_seeds
from benchmarks.study.rows import DIGITS, Row, read_rows, row_of
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.tau import tau_b
from lt_bench.evaluation.comparison.total import Difference, difference
from lt_bench.leaderboard.rows import Row as TableRow
from lt_bench.leaderboard.rows import Run
from lt_bench.leaderboard.standing import loss_runs

Values = Mapping[str, float]  # by loss, in [0, 1]; NaN where the loss diverged


@dataclass(frozen=True, eq=False)
class GridOf:
    """The grid of one decoupled track. own: the recipe's cell. cells: with it, in the order of a table.

    val: metric -> cell -> mean over the seeds, by loss. held_out: cell -> loss -> `as_on_val`, mean over the seeds.
    seeds: of val. taus: metric -> cell -> tau with the own cell's order on val. again: metric -> taus of the own cell's
    order with the same cell's under other seeds of the board, as many at a time. chosen: each loss's best cell on the
    held-out images.
    """

    track: Track
    own: Cell
    cells: tuple[Cell, ...]
    val: Mapping[str, Mapping[Cell, Values]]
    held_out: Mapping[Cell, Values]
    seeds: tuple[int, ...]
    taus: Mapping[str, Mapping[Cell, float]] = field(default_factory=dict)
    again: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    chosen: Mapping[str, Cell] = field(default_factory=dict)

    def held_out_taus(self) -> dict[Cell, float]:
        """tau of each other cell's order on held-out images with that of the own cell there."""
        return _taus(self.held_out, self.own)

    def held_out_and_val(self) -> float:
        """tau of the own cell's order on held-out images with that by AP on the validation images, NaN without it."""
        board = {one.name: float(one.measured("AP").mean()) for one in self.track.runs()}
        return _tau(self.held_out[self.own], board) if self.own in self.held_out else float("nan")


@dataclass(frozen=True, eq=False)
class BestOf:
    """The recipe's cell and each loss's best one, with the same seeds on val. own, best: of the losses whose runs are
    there. gains: of each loss whose best cell is another, best minus own, in AP and APr.
    """

    own: tuple[LossRuns, ...]
    best: tuple[LossRuns, ...]
    gains: Mapping[str, Mapping[str, Difference]]
    comparisons: tuple[Comparison, ...]
    lacking: tuple[str, ...]


def grids(folder: Path, tracks: Sequence[Track]) -> list[GridOf]:
    """Of the tables in `folder` whose track has records."""
    found = []
    for path in sorted((folder / "grid").glob("*.csv")):
        rows = read_rows(path)
        for track in tracks:
            own = [row for row in rows if (row.dataset, row.features, row.recipe) == _key(track)]
            if own:
                found.append(grid_of(track, own))
    return found


def grid_of(track: Track, rows: Sequence[Row]) -> GridOf:
    """rows: of this track alone."""
    own = centre({row.cell for row in rows})
    cells = tuple(sorted({row.cell for row in rows}, key=lambda cell: (cell.clip != own.clip, cell.rate, cell.steps)))
    of_val = [row for row in rows if row.evaluated == "val"]
    val = _means(of_val)
    held_out = held_out_means([row for row in rows if row.evaluated == "held_out"], track.first)
    seeds = tuple(sorted({row.seed for row in of_val}))
    return GridOf(
        track=track,
        own=own,
        cells=cells,
        val=val,
        held_out=held_out,
        seeds=seeds,
        taus={metric: _taus(val[metric], own) for metric in METRICS},
        again={metric: _again(track, val[metric].get(own, {}), len(seeds), seeds, metric) for metric in METRICS},
        chosen=chosen_cells(held_out, own, len(cells)),
    )


def unlike_board(folder: Path, tracks: Sequence[Track]) -> list[str]:
    """Rows of the grid that say something else than the board's record of the same run."""
    found = []
    for path in sorted((folder / "grid").glob("*.csv")):
        for track in tracks:
            board = {record.identity()[:DIGITS]: record for record in track.records}
            for row in read_rows(path):
                record = board.get(row.identity)
                if record is not None and row_of(record, row.cell, row.evaluated) != row:
                    found.append(f"{path.name}: {row.loss}, seed {row.seed}, {row.cell}: not as on the board")
    return found


def centre(cells: Iterable[Cell]) -> Cell:
    """The recipe's cell: of each of rate, steps and clip the value that most cells have."""
    there = list(cells)
    return Cell(
        statistics.mode(sorted(cell.rate for cell in there)),
        statistics.mode(sorted(cell.steps for cell in there)),
        statistics.mode(sorted(cell.clip for cell in there)),
    )


def best_of(grid: GridOf, runs: Iterable[Run]) -> BestOf | None:
    """None where no choice was made. runs: those of the cells that are not the recipe's."""
    if not grid.chosen:
        return None
    there: dict[str, list[Run]] = {}
    for run in runs:
        name = run.record.method
        track = run.record.track
        same = (track.dataset, track.features, track.recipe) == _key(grid.track)
        if same and cell_of(run.record, grid.own) == grid.chosen.get(name):
            there.setdefault(name, []).append(run)
    own = {one.name: one for one in grid.track.runs(losses=sorted(grid.chosen.keys() & grid.track.rows.keys()))}
    found = {name: one for name, one in own.items() if grid.chosen[name] == grid.own}
    for name, of_loss in there.items():
        of_loss = sorted(of_loss, key=lambda run: run.record.seed)
        found[name] = loss_runs(name, TableRow(name, tuple(of_loss)), "bbox")
    lacking = tuple(sorted(grid.chosen.keys() - (own.keys() & found.keys())))
    names = sorted(own.keys() & found.keys())
    common = set.intersection(*(set(side[name].seeds) for name in names for side in (own, found))) if names else set()
    if not common:
        return BestOf((), (), {}, (), tuple(sorted(grid.chosen)))
    before = [with_seeds(own[name], common) for name in names]
    after = [with_seeds(found[name], common) for name in names]
    gains = {
        one.name: {metric: difference(one, other, metric) for metric in METRICS}
        for one, other in zip(before, after, strict=True)
        if grid.chosen[one.name] != grid.own
    }
    doubts = grid.track.doubts()
    comparisons = [
        compare_runs(
            (before, after),
            ("the recipe's schedule", "each loss's best of the grid"),
            metric,
            same_images=True,
            doubted=metric in doubts,
            independent=len(gains) == len(names),
        )
        for metric in METRICS
        if len(names) > 1
    ]
    return BestOf(tuple(before), tuple(after), gains, tuple(comparisons), lacking)


def _key(track: Track) -> tuple[str, str | None, str]:
    return track.dataset, track.features, track.recipe


def _means(rows: Iterable[Row]) -> dict[str, dict[Cell, dict[str, float]]]:
    values: dict[str, dict[Cell, dict[str, list[float]]]] = {metric: {} for metric in METRICS}
    for row in rows:
        for metric in METRICS:
            value = getattr(row, metric)
            there = values[metric].setdefault(row.cell, {}).setdefault(row.loss, [])
            there.append(float("nan") if value is None or value < 0 else value)
    return {
        metric: {cell: {loss: float(np.mean(one)) for loss, one in losses.items()} for cell, losses in found.items()}
        for metric, found in values.items()
    }


def _taus(found: Mapping[Cell, Values], own: Cell) -> dict[Cell, float]:
    return {cell: _tau(found[own], losses) for cell, losses in found.items() if cell != own} if own in found else {}


def _again(track: Track, own: Values, size: int, used: Sequence[int], metric: str) -> tuple[float, ...]:
    """Taus of the own cell's means with those of other seeds of the board, `size` at a time."""
    runs = [one for one in track.runs() if one.name in own]
    if not runs or not size:
        return ()
    others = sorted(set.intersection(*(set(one.seeds) for one in runs)) - set(used))
    groups = [others[start : start + size] for start in range(0, len(others) - size + 1, size)]
    return tuple(
        _tau(own, {one.name: float(with_seeds(one, group).measured(metric).mean()) for one in runs}) for group in groups
    )


def _tau(first: Values, second: Values) -> float:
    losses = sorted(first.keys() & second.keys())
    return float(tau_b(np.array([first[loss] for loss in losses]), np.array([second[loss] for loss in losses])))
