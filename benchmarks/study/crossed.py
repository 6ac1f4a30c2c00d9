"""Sampler and classifier apart: runs that take one of them from each of the two recipes.

    python -m benchmarks.study.crossed --features features/glyphs-lt

The recipes plain and common differ in the sampler and in the classifier at once. With the two runs here, repeat factors
with a linear classifier and random sampling with a normalised one, it can be told which of the two orders the losses.
A row for each run goes to OUT/crossed; what is finished is not repeated.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.common.command import SETTINGS
from benchmarks.study import STUDY
from benchmarks.study.rows import Row, crossed_path, row_of, write_rows
from benchmarks.study.runs import FOLDER, built_in, recipe_cell
from benchmarks.study.watch import Lines
from lt_bench.errors import RunFailedError, UserError
from lt_bench.features.store import open_features
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings
from lt_bench.probe.workers import run_all
from lt_bench.utils.threads import usable_cores

if TYPE_CHECKING:
    from lt_bench.features.store import FeatureSet

RFS_LINEAR, RANDOM_NORMED = "rfs_linear", "random_normed"
SAMPLER_OF = {RFS_LINEAR: "common", RANDOM_NORMED: "plain"}  # whose sampler; the classifier is the other's


def planner(features: FeatureSet, crossed: str) -> Planner:
    """Of runs with the sampler of one recipe and the classifier of the other."""
    made, other = (Planner(features, Settings(recipe)) for recipe in _recipes(crossed))
    classifier = other.recipe.probe["classifier"]
    says = f"classifier of the recipe {other.recipe.probe['track']['recipe']}"
    probe = made.recipe.probe | {"classifier": classifier}
    made.recipe = replace(made.recipe, probe=probe, overrides=[*made.recipe.overrides, says])
    return made


def run_crossed(
    features: FeatureSet,
    losses: Sequence[str],
    seeds: Sequence[int],
    work: Path,
    out: Path,
    parallel: int,
    start_method: str | None = None,
) -> None:
    """work: the folder of the runs' folders. Raises RunFailedError when one failed; the others are kept."""
    failed: list[str] = []
    rows: list[Row] = []
    cell = recipe_cell(features, "common")
    for crossed in SAMPLER_OF:
        plan = planner(features, crossed)
        runs = [plan.run(loss, {}, seed, work / crossed) for seed in seeds for loss in losses]
        watcher = Lines({run.folder: cell for run in runs})
        for outcome in run_all(runs, parallel, watcher=watcher, start_method=start_method):
            if outcome.record is None:
                failed.append(f"{outcome.run.loss} seed {outcome.run.seed}, {crossed}: {outcome.reason}")
            else:
                rows.append(replace(row_of(outcome.record, cell, "val"), recipe=crossed))
    path = crossed_path(out, features.manifest.name)
    click.echo(f"{path}: {write_rows(path, rows)} rows")
    if failed:
        raise RunFailedError("\n".join([f"{len(failed)} runs", *failed]))


def _recipes(crossed: str) -> tuple[str, str]:
    """That of the sampler, and that of the classifier."""
    return ("common", "plain") if SAMPLER_OF[crossed] == "common" else ("plain", "common")


@click.command(context_settings=SETTINGS)
@click.option("--features", required=True, type=FOLDER, help="Folder that `lt_bench features` has filled.")
@click.option("--seeds", default=2, show_default=True, type=click.IntRange(1), help="0 and so on, of each loss.")
@click.option("--parallel", type=click.IntRange(1), help="Runs at a time. Default: one a core.")
@click.option("--work-dir", type=FOLDER, help="Default: work_dirs/probe/FEATURES.")
@click.option("--out", type=FOLDER, default=STUDY, help="Default: leaderboards/study.")
def main(features: Path, seeds: int, parallel: int | None, work_dir: Path | None, out: Path) -> None:
    """Train all built-in losses with one recipe's sampler and the other's classifier."""
    try:
        opened = open_features(features)
        work = work_dir or Path("work_dirs", "probe", opened.manifest.name)
        run_crossed(opened, built_in(), range(seeds), work, out, parallel or usable_cores())
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except RunFailedError as error:
        click.echo(f"failed: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
