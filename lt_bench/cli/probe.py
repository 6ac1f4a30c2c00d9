"""`lt_bench probe`: train the classifier alone, with each loss, on stored features."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lt_bench.cli.common import PATH, FiniteRange, verbose
from lt_bench.cli.run import WORK_DIRS, publish
from lt_bench.errors import RunFailedError, UserError

if TYPE_CHECKING:
    from lt_bench.leaderboard.schema import ResultRecord
    from lt_bench.probe.choice import Choice, Grid
    from lt_bench.probe.one import DeviceKind
    from lt_bench.probe.plan import Planner
    from lt_bench.probe.settings import Evaluated
    from lt_bench.probe.workers import Outcome

logger = logging.getLogger(__name__)


@click.command()
@click.option("--features", required=True, type=PATH, help="Folder that `lt_bench features` has filled.")
@click.option("--loss", help="Registered losses with commas, or `all` for every one that works.")
@click.option("--loss-grid", metavar="LOSS:NAME=VALUES", help="Values of a hyper-parameter: seesaw:p=0.2,0.5,0.8.")
@click.option("--loss-set", multiple=True, metavar="KEY=VALUE", help="A hyper-parameter of the loss.")
@click.option("--calibrate", multiple=True, metavar="NAME:KEY=VALUE", help="A row more for each loss: its classifier's "
              "scores calibrated (norcal:gamma=0.6). Several times for several.")  # fmt: skip
@click.option("--tune", is_flag=True, help="Choose a hyper-parameter of each calibration on held-out training images.")
@click.option("--seeds", default="1", show_default=True, help="10 for 0 to 9, or a list: 0,1,7. One: 5,")
@click.option("--recipe", default="common", show_default=True, help="Sampler and classifier: common or plain.")
@click.option("--steps", type=click.IntRange(1), default=2000, show_default=True, help="Of 16 images each.")
@click.option("--rate", type=FiniteRange(0, min_open=True), help="Learning rate. Default: the recipe's, 0.02.")
@click.option("--clip", type=FiniteRange(0), help="Most L2 norm of the gradient, 0 for any. Default: the recipe's.")
@click.option("--evaluate", type=click.Choice(["val", "held_out"]), default="val", show_default=True)
@click.option(
    "--masks", type=PATH, metavar="RUN|CHECKPOINT", help="What the features are of: its mask head adds masks. Slow."
)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--parallel", type=click.IntRange(1), help="Runs at a time. Default: one a core; one on a GPU.")
@click.option("--plot", type=PATH, metavar="FILE", help="AP and APr against the grid's values: .png, .svg or .pdf.")
@click.option("--work-dir", type=PATH, help="Folder of the runs' folders. Default: work_dirs/probe/FEATURES/RECIPE.")
@click.option("--leaderboards", type=PATH, help="Folder for the tables. Default: leaderboards/ in the work dirs.")
@verbose
def probe(
    features: Path,
    loss: str | None,
    loss_grid: str | None,
    loss_set: tuple[str, ...],
    calibrate: tuple[str, ...],
    tune: bool,
    seeds: str,
    recipe: str,
    steps: int,
    rate: float | None,
    clip: float | None,
    evaluate: Evaluated,
    masks: Path | None,
    device: DeviceKind,
    parallel: int | None,
    plot: Path | None,
    work_dir: Path | None,
    leaderboards: Path | None,
) -> None:
    """Train a detector's classifier anew on stored features, once for each loss and seed, and evaluate boxes.

    Everything but the classifier stays as the features have it, so a run takes seconds. Each leaves a record, which
    stands in a table of its own: `decoupled`. A finished run is not repeated, and one that fails keeps no other from
    running: the same command goes on where it was interrupted.

    With --calibrate each trained classifier is evaluated once more for each calibration, which trains nothing. With
    --loss all, losses that a calibration is not defined for are left out of it.

    With --tune the value of gamma, tau or fractal_l with the highest box AP on the training images that the features
    hold out is taken, for each loss and seed, by a classifier trained without them.

    With --evaluate held_out the training images that the features hold out are evaluated, and not trained on: to
    choose a hyper-parameter without looking at the validation images. Such runs go on no board.

    With --masks the images pass the detector again, for masks of the boxes that each run keeps; that takes longer than
    the run itself, and such runs have a table of their own.
    """
    from lt_bench.api.calibrations import parse_calibrations
    from lt_bench.features.coverage import warning
    from lt_bench.features.store import open_features
    from lt_bench.probe.choice import ALL
    from lt_bench.probe.plan import Planner, folder_of_runs
    from lt_bench.probe.progress import RunsProgress
    from lt_bench.probe.settings import Settings
    from lt_bench.probe.table import grouped, rows_of
    from lt_bench.probe.workers import run_all
    from lt_bench.run.folder import RunFolder
    from lt_bench.run.seeds import parse_seeds
    from lt_bench.utils.files import refuse_unwritable_folder
    from lt_bench.utils.threads import usable_cores

    choices, grid = _choose(loss, loss_grid, loss_set, plot)
    calibrations, chosen_seeds = parse_calibrations(calibrate), parse_seeds(seeds)
    if calibrations and grid is not None:
        raise UserError("--calibrate and --loss-grid don't go together", "name the losses with --loss")
    if tune and not calibrations:
        raise UserError("--tune is of calibrations", "add one with --calibrate")
    settings = Settings(recipe, steps, rate, clip, evaluate, masks)
    opened = open_features(features)
    planner, manifest = Planner(opened, settings), opened.manifest
    runs_in = folder_of_runs(work_dir, manifest, settings)
    if loss == ALL:
        choices = _buildable(choices, planner)
    asked = [
        (planner.run(one.loss, one.hyper_parameters, seed, runs_in, calibrations, loss == ALL, tune), one.key)
        for seed in chosen_seeds
        for one in choices
    ]
    keys = rows_of(asked)
    if len({run.folder for run, _ in asked}) < len(asked):
        raise UserError(f"--loss-grid {loss_grid}: two values are the same", "give each value once")
    runs = [run for run, _ in asked]
    _check_device(device)
    refuse_unwritable_folder(runs_in)
    logger.info(f"probe: {len(keys)} runs on {manifest.name}, recipe {recipe}, {steps:,} steps; folders in {runs_in}")
    if lacking := warning(opened):
        logger.warning(f"warning: {lacking}")
    with RunsProgress(len(keys)) as progress:
        outcomes = run_all(runs, parallel or (1 if device == "cuda" else usable_cores()), device, progress)
    about = f"features {manifest.name}, recipe {recipe}{'' if evaluate == 'val' else ', held-out training images'}"
    _show(grouped(outcomes, keys), grid, plot, about)
    finished = [RunFolder(one.run.folder).result for one in outcomes if one.record is not None]
    if finished and evaluate == "val":
        tables = leaderboards or WORK_DIRS / "leaderboards"
        publish(finished, tables)
        logger.info(f"table: {tables / (planner.recipe.probe['track']['dataset'] + '.md')}")
    _refuse_failed(outcomes)


def _choose(
    loss: str | None, loss_grid: str | None, loss_set: tuple[str, ...], plot: Path | None
) -> tuple[list[Choice], Grid | None]:
    """What is asked for. Raises UserError when that is nothing, or two things."""
    from lt_bench.evaluation.comparison.figures import refuse_no_figure
    from lt_bench.probe.choice import choose_losses, parse_grid
    from lt_bench.run.experiment import parse_assignments

    hyper_parameters = parse_assignments(loss_set, "--loss-set")
    if (loss is None) == (loss_grid is None):
        raise UserError("probe needs either --loss or --loss-grid", "for example --loss all")
    if loss is not None:
        if plot is not None:
            raise UserError("--plot is of a grid", "give --loss-grid too, or leave out --plot")
        return choose_losses(loss, hyper_parameters), None
    if plot is not None:
        refuse_no_figure(plot)
    grid = parse_grid(str(loss_grid))
    return grid.choices(hyper_parameters), grid


def _buildable(choices: Sequence[Choice], planner: Planner) -> list[Choice]:
    """Without the losses that can't be built for these classes, which are named."""
    found = []
    for one in choices:
        try:
            planner.run(one.loss, one.hyper_parameters, 0, Path())
            found.append(one)
        except UserError as error:
            logger.warning(f"left out: {error.message}")
    return found


def _check_device(device: DeviceKind) -> None:
    import torch

    from lt_bench.operators import in_use

    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda needs a GPU, and this machine has none", "leave out --device")
    if device == "cuda" and in_use().cuda is None:
        raise UserError(f"mmcv's operators ({in_use()}) are for CPUs only", "lt_bench doctor says how to get others")


def _show(groups: Mapping[Any, Sequence[ResultRecord]], grid: Grid | None, plot: Path | None, about: str) -> None:
    """The table of what came out, and the grid's plot. groups: loss, or value of the grid -> its seeds."""
    from lt_bench.probe.table import GRID_METRICS, METRICS, table

    if not groups:
        return
    title = "loss" if grid is None else f"{grid.loss}: {grid.name}"
    named = {str(name): group for name, group in groups.items()}
    metrics = GRID_METRICS if grid else METRICS
    click.echo(f"\nbox AP in percent, mean ± standard deviation over the seeds; {about}")
    click.echo(table(named, title, metrics))
    if all(record.metrics.segm for group in groups.values() for record in group):
        click.echo("\nmask AP")
        click.echo(table(named, title, metrics, "segm"))
    if any(len(group) == 1 for group in groups.values()):
        click.echo("One seed shows no spread: nothing follows from a small difference.")
    if grid is not None and plot is not None:
        from lt_bench.evaluation.comparison.figures import save
        from lt_bench.probe.grid_plot import draw_grid

        save(draw_grid(groups, grid.loss, grid.name, about), plot)
        logger.info(f"wrote {plot}")


def _refuse_failed(outcomes: Sequence[Outcome]) -> None:
    """Raises RunFailedError that names the runs that failed, if any did."""
    from lt_bench.probe.progress import label

    failed = [one for one in outcomes if one.record is None]
    if failed:
        lines = "\n".join(f"{label(one.run)}: {one.reason}" for one in failed)
        raise RunFailedError(
            f"{len(failed)} of {len(outcomes)} runs\n{lines}\n"
            "Given again, the command runs these anew and skips the finished ones."
        )
