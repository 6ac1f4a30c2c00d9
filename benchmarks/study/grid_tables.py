"""The tables of the grid and of the tail."""

from __future__ import annotations

import numpy as np

from benchmarks.common.table import table
from benchmarks.study.agreements import METRICS
from benchmarks.study.grid import Cell
from benchmarks.study.over_grid import BestOf, GridOf
from benchmarks.study.sentences import change, own, tau_text
from benchmarks.study.tables import by_ap, rank, ranks
from benchmarks.study.tail import GROUPS, Tail
from lt_bench.leaderboard.cells import ABSENT, mean_and_deviation


def of_cells(grid: GridOf, evaluated: str) -> str:
    """Box AP of each loss in each cell, and tau with the recipe's cell; of held-out images what the choice is by."""
    found = grid.val["AP"] if evaluated == "val" else grid.held_out
    losses = sorted({loss for values in found.values() for loss in values})
    rows = []
    for cell in grid.cells:
        values = found.get(cell)
        if values is None:
            continue
        cells: list[object] = [_cell(cell, grid)]
        for loss in losses:
            chosen = evaluated == "held_out" and grid.chosen.get(loss) == cell
            text = _percent(values.get(loss, float("nan")))
            cells.append(f"**{text}**" if chosen else text)
        if evaluated == "val":
            cells += [_tau(grid.taus[metric].get(cell)) for metric in METRICS]
        rows.append(cells)
    heads = ["cell", *losses, *([f"tau {metric}" for metric in METRICS] if evaluated == "val" else [])]
    return table(heads, rows, "lr")


def of_best(grid: GridOf, found: BestOf) -> str:
    """The order under the recipe's schedule and that under each loss's best cell."""
    before, after = ({one.name: one for one in side} for side in (found.own, found.best))
    doubts = grid.track.doubts()
    places = [ranks(side, "AP") for side in (found.own, found.best)]
    rows = []
    for name in by_ap(found.best):
        cell = grid.chosen[name]
        gains = found.gains.get(name)
        shown = [
            ABSENT if gains is None or metric in doubts else change(gains[metric]) for metric in METRICS
        ]  # no gain: it is the recipe's own cell
        rows.append(
            [
                name,
                "the recipe's" if cell == grid.own else str(cell),
                rank(places[0].get(name)),
                mean_and_deviation(before[name].measured("AP")),
                rank(places[1].get(name)),
                mean_and_deviation(after[name].measured("AP")),
                *shown,
            ]
        )
    heads = ["loss", "best cell", "rank, recipe's", "AP, recipe's", "rank, best", "AP, best"]
    return table([*heads, *(f"gain in {metric} [95 %]" for metric in METRICS)], rows, "llrrrrl")


def of_tail(one: Tail) -> str:
    """What the common recipe changes, loss by loss."""
    rows = [
        [loss, *(change(found[metric]) if metric not in one.doubts else ABSENT for metric in GROUPS)]
        for loss, found in sorted(one.changes.items())
    ]
    base = ["ce, plain: itself", *(own(one.plain[metric]) for metric in GROUPS)]
    return table(["common minus plain", *(f"{metric} [95 %]" for metric in GROUPS)], [base, *rows])


def _cell(cell: Cell, grid: GridOf) -> str:
    return f"{cell} (the recipe's)" if cell == grid.own else str(cell)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else "diverged"


def _tau(value: float | None) -> str:
    return ABSENT if value is None or not np.isfinite(value) else tau_text(value)
