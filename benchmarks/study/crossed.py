"""Sampler and classifier apart: runs that take one of them from each of the two recipes.

    python -m benchmarks.study.crossed --features features/glyphs-lt

The recipes plain and common differ in the sampler and in the classifier at once. With the two runs here, repeat factors
with a linear classifier and random sampling with a normalised one, it can be told what each of the two does. Records
and evidence go to OUT/crossed; what is finished is not repeated.
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
from benchmarks.study.runs import FOLDER, built_in, recipe_cell
from benchmarks.study.watch import Lines
from lt_bench.errors import RunFailedError, UserError
from lt_bench.features.store import open_features
from lt_bench.leaderboard.store import add
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings
from lt_bench.probe.workers import run_all
from lt_bench.run.folder import RunFolder
from lt_bench.utils.threads import usable_cores

if TYPE_CHECKING:
    from lt_bench.features.store import FeatureSet

OTHER = {"common": "plain", "plain": "common"}


def says(recipe: str) -> str:
    """How a record says that its classifier is that of another recipe."""
    return f"the classifier of the recipe {recipe}"


def planner(features: FeatureSet, sampler: str) -> Planner:
    """Of runs of the recipe `sampler` with the classifier of the other recipe."""
    made, other = (Planner(features, Settings(recipe)) for recipe in (sampler, OTHER[sampler]))
    probe = made.recipe.probe | {"classifier": other.recipe.probe["classifier"]}
    made.recipe = replace(made.recipe, probe=probe, overrides=[*made.recipe.overrides, says(OTHER[sampler])])
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
    stored = 0
    for sampler, classifier in OTHER.items():
        plan = planner(features, sampler)
        runs = [plan.run(loss, {}, seed, work / f"{sampler}_with_{classifier}") for seed in seeds for loss in losses]
        watcher = Lines({run.folder: recipe_cell(features, sampler) for run in runs})
        for outcome in run_all(runs, parallel, watcher=watcher, start_method=start_method):
            if outcome.record is None:
                failed.append(f"{outcome.run.loss} seed {outcome.run.seed}, {sampler}: {outcome.reason}")
            else:
                add(RunFolder(outcome.run.folder).result, out / "crossed")
                stored += 1
    click.echo(f"{out / 'crossed'}: {stored} records")
    if failed:
        raise RunFailedError("\n".join([f"{len(failed)} runs", *failed]))


@click.command(context_settings=SETTINGS)
@click.option("--features", required=True, type=FOLDER, help="Folder that `lt_bench features` has filled.")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(1), help="0 and so on, of each loss.")
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
