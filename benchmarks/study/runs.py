"""The runs of the study that no board has: other schedules of the classifier's training, in the decoupled tracks.

    python -m benchmarks.study.runs --features features/glyphs-lt                        everything
    python -m benchmarks.study.runs --features features/glyphs-lt --part held_out --recipe common

Three parts, each for every built-in loss:
- held_out: every cell of the grid with one seed, on training images that are held out. The choice is made on these, by
  the mean of APr, APc and APf weighted as the validation set does: held-out images show few of the rare classes.
- val: every cell with two seeds on the validation images: does the order of losses change over the grid?
- best: each loss's best cell on the held-out images, with five seeds on the validation images. Where that is the
  recipe's own cell there is nothing to do: its runs are those of the board.

What is finished is not repeated. Rows of the first two parts go to OUT/grid, records and evidence of the last to
OUT/best.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.common.command import SETTINGS
from benchmarks.study import STUDY
from benchmarks.study.choice import as_on_val, classes_shown
from benchmarks.study.grid import Cell, best, cells
from benchmarks.study.rows import Row, read_rows, row_of, table_path, write_rows
from lt_bench.errors import RunFailedError, UserError

if TYPE_CHECKING:
    from lt_bench.features.store import FeatureSet
    from lt_bench.leaderboard.schema import ResultRecord
    from lt_bench.probe.settings import Evaluated
    from lt_bench.probe.workers import Outcome

PARTS, RECIPES = ("held_out", "val", "best"), ("common", "plain")
DIVERGED = "infinite or NaN"  # in what a run says that failed so: a result, which every repetition gives
FOLDER = click.Path(path_type=Path)


@dataclass(frozen=True)
class Job:
    """What all runs share. work: the folder of the runs' folders. start_method: of their processes."""

    features: FeatureSet
    recipe: str
    recipe_cell: Cell
    losses: tuple[str, ...]
    work: Path
    parallel: int
    start_method: str | None = None

    def run(self, asked: Sequence[tuple[Cell, str, int]], evaluated: Evaluated) -> list[tuple[Cell, Outcome]]:
        """Cell, loss and seed -> what came of it, in the order asked."""
        from benchmarks.study.watch import Lines
        from lt_bench.probe.plan import Planner
        from lt_bench.probe.settings import Settings
        from lt_bench.probe.workers import run_all

        planners = {
            cell: Planner(self.features, Settings(self.recipe, cell.steps, cell.rate, cell.clip, evaluated))
            for cell in dict.fromkeys(cell for cell, _, _ in asked)
        }
        folder = self.work / (self.recipe if evaluated == "val" else f"{self.recipe}_{evaluated}")
        runs = [planners[cell].run(loss, {}, seed, folder) for cell, loss, seed in asked]
        long_first = sorted(range(len(runs)), key=lambda place: -asked[place][0].steps)  # no core waits at the end
        lines = Lines({run.folder: cell for run, (cell, _, _) in zip(runs, asked, strict=True)})
        done = run_all(
            [runs[place] for place in long_first], self.parallel, watcher=lines, start_method=self.start_method
        )
        found = {one.run.folder: one for one in done}
        return [(cell, found[run.folder]) for run, (cell, _, _) in zip(runs, asked, strict=True)]


def run_grid(job: Job, evaluated: Evaluated, seeds: Sequence[int], out: Path) -> None:
    """Every cell. Raises RunFailedError when runs failed for any other reason than that the loss became NaN."""
    asked = [(cell, loss, seed) for cell in cells(job.recipe_cell) for seed in seeds for loss in job.losses]
    click.echo(f"{job.features.manifest.name}, {job.recipe}, {evaluated}: {len(asked)} runs of the grid")
    rows, failed = [], []
    for (cell, loss, seed), (_, outcome) in zip(asked, job.run(asked, evaluated), strict=True):
        if outcome.record is not None:
            rows.append(row_of(outcome.record, cell, evaluated))
        elif DIVERGED in outcome.reason:
            rows.append(_diverged(job, cell, loss, seed, evaluated))
        else:
            failed.append(f"{loss} seed {seed}, {cell}: {outcome.reason}")
    path = table_path(out, job.features.manifest.name, job.recipe)
    click.echo(f"{path}: {write_rows(path, rows)} rows")
    _refuse(failed)


def choose(job: Job, out: Path) -> dict[str, Cell]:
    """Loss -> its best cell on the held-out images (`as_on_val`). Raises UserError where their runs are missing."""
    name, shown = job.features.manifest.name, classes_shown(job.features, "val")
    grid = cells(job.recipe_cell)
    rows = [row for row in read_rows(table_path(out, name, job.recipe)) if row.evaluated == "held_out"]
    chosen = {}
    for loss in job.losses:
        found = []
        for row in rows:
            if row.loss == loss:
                value = as_on_val(row, shown)
                found.append((row.cell, -1.0 if value is None else value))
        if set(grid) - {cell for cell, _ in found}:
            raise UserError(
                f"{name}, {job.recipe}: the grid of {loss} on held-out images is not complete", "run --part held_out"
            )
        chosen[loss] = best([one for one in found if one[0] in grid], job.recipe_cell)
    return chosen


def run_best(job: Job, seeds: Sequence[int], out: Path) -> list[ResultRecord]:
    """The chosen cells, where they are not the recipe's; their records are stored."""
    from lt_bench.leaderboard.store import add
    from lt_bench.run.folder import RunFolder

    chosen = choose(job, out)
    rare, of = (classes_shown(job.features, split)["r"] for split in ("held_out", "val"))
    click.echo(f"{job.recipe}: held-out images show {rare} rare classes, the validation images {of}")
    for loss, cell in chosen.items():
        own = " (the recipe's; its runs are the board's)" if cell == job.recipe_cell else ""
        click.echo(f"{job.recipe}: best of {loss} on held-out images: {cell}{own}")
    asked = [(cell, loss, seed) for seed in seeds for loss, cell in chosen.items() if cell != job.recipe_cell]
    records, failed = [], []
    for cell, outcome in job.run(asked, "val"):
        if outcome.record is None:
            failed.append(f"{outcome.run.loss} seed {outcome.run.seed}, {cell}: {outcome.reason}")
        else:
            add(RunFolder(outcome.run.folder).result, out / "best")
            records.append(outcome.record)
    click.echo(f"{out / 'best'}: {len(records)} records of {job.recipe}")
    _refuse(failed)
    return records


def _diverged(job: Job, cell: Cell, loss: str, seed: int, evaluated: str) -> Row:
    track = job.features.manifest.track()
    assert track is not None  # the run was planned
    about = (track.dataset, job.features.manifest.name, job.recipe, evaluated, loss, cell.rate, cell.steps, cell.clip)
    return Row(*about, seed, None, None, None, None, "", "")


def _refuse(failed: Sequence[str]) -> None:
    if failed:
        raise RunFailedError("\n".join([f"{len(failed)} runs", *failed]))


def recipe_cell(features: FeatureSet, recipe: str) -> Cell:
    """Rate, steps and clip that the recipe itself has."""
    from lt_bench.probe.settings import Settings, resolve

    probe = resolve(Settings(recipe), features.manifest).probe
    return Cell(probe["optimizer"]["lr"], probe["schedule"]["steps"], probe["optimizer"]["clip"] or 0.0)


def built_in() -> tuple[str, ...]:
    """The losses that come with lt_bench."""
    from lt_bench.api.registry import list_losses

    return tuple(info.name for info in list_losses() if info.distribution == "lt_bench")


@click.command(context_settings=SETTINGS)
@click.option("--features", required=True, type=FOLDER, help="Folder that `lt_bench features` has filled.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Default: all, in this order.")
@click.option("--recipe", "recipes", multiple=True, type=click.Choice(RECIPES), help="Default: both.")
@click.option("--val-seeds", default=2, show_default=True, type=click.IntRange(1), help="Of each cell, on val.")
@click.option("--best-seeds", default=5, show_default=True, type=click.IntRange(1), help="Of each loss's best cell.")
@click.option("--parallel", type=click.IntRange(1), help="Runs at a time. Default: one a core.")
@click.option("--work-dir", type=FOLDER, help="Holds RECIPE/ with the runs. Default: work_dirs/probe/FEATURES.")
@click.option("--out", type=FOLDER, default=STUDY, help="Default: leaderboards/study.")
def main(
    features: Path,
    parts: tuple[str, ...],
    recipes: tuple[str, ...],
    val_seeds: int,
    best_seeds: int,
    parallel: int | None,
    work_dir: Path | None,
    out: Path,
) -> None:
    """Run the grid of all built-in losses, or the parts of it that are asked for."""
    from lt_bench.features.store import open_features
    from lt_bench.utils.threads import usable_cores

    try:
        opened = open_features(features)
        work = work_dir or Path("work_dirs", "probe", opened.manifest.name)
        for recipe in recipes or RECIPES:
            own = recipe_cell(opened, recipe)
            job = Job(opened, recipe, own, built_in(), work, parallel or usable_cores())
            for part in [part for part in PARTS if part in (parts or PARTS)]:
                if part == "best":
                    run_best(job, range(best_seeds), out)
                elif part == "val":
                    run_grid(job, "val", range(val_seeds), out)
                else:
                    run_grid(job, "held_out", range(1), out)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except RunFailedError as error:
        click.echo(f"failed: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
