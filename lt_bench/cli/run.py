"""`lt_bench run`: train a loss, evaluate it, write its record and the local tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lt_bench.cli.common import METRICS_HELP, PATH, verbose
from lt_bench.cli.dry_run import show
from lt_bench.cli.experiments import experiment_of, on_data, paths_of
from lt_bench.cli.own_data import DATASETS_HELP, own_data
from lt_bench.cli.run_calibrated import calibrate_run, calibrations_of_run
from lt_bench.cli.seeds import choose_seeds, run_each
from lt_bench.errors import UserError
from lt_bench.utils.stopping import stoppable

if TYPE_CHECKING:
    from lt_bench.detector.finite_loss import OnNaN
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.leaderboard.schema import ResultRecord
    from lt_bench.run.experiment import Experiment

logger = logging.getLogger(__name__)

WORK_DIRS = Path("work_dirs")


@click.command()
@click.option("--loss", required=True, help="A registered loss (see `lt_bench losses`).")
@click.option("--backbone", default="r50", show_default=True, help="r50, r101, x101_32x4d or x101_64x4d.")
@click.option("--schedule", default="1x", show_default=True, help="1x (12 epochs) or 2x (24).")
@click.option(
    "--detector",
    default="mask_rcnn",
    show_default=True,
    help="mask_rcnn, cascade_mask_rcnn or faster_rcnn (boxes alone).",
)
@click.option(
    "--dataset",
    help=DATASETS_HELP + " Default: lvis_v1 if found, else glyphs.",
)
@click.option("--data-root", type=PATH, help="Folder of the data set. Default: $LT_BENCH_DATA, ./data.")
@own_data()
@click.option(
    "--recipe",
    default="common",
    show_default=True,
    help="common and plain (the same for all; plain: random sampling, linear classifier) or paper (its authors').",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Of all that is random. Default: 0.")
@click.option("--seeds", help="Several runs: 5 for the seeds 0 to 4, or a list such as 0,1,7 (5, for 5 alone).")
@click.option("--gpus", type=click.IntRange(min=1), help="Processes that share the batch, one per GPU. Default: 1.")
@click.option("--images-per-device", type=click.IntRange(min=1), help="Images at a time; the rest is accumulated.")
@click.option("--amp", is_flag=True, help="Mixed precision; rows go into a table of their own.")
@click.option("--init", help="Backbone weights: pretrained or random. Default: the data set's recipe.")
@click.option("--stage2-from", type=PATH, metavar="RUN|CHECKPOINT", help="Start from a trained detector, and train one "
              "part of it alone (decoupled training).")  # fmt: skip
@click.option("--train", type=click.Choice(["classifier", "heads"]), help="That part: classifier, or heads, the last "
              "layers of all heads and the RPN. Default: classifier.")  # fmt: skip
@click.option("--max-iters", type=int, help="Optimizer steps instead of the schedule's epochs.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any config key; +KEY=VALUE adds one.")
@click.option("--loss-set", multiple=True, metavar="KEY=VALUE", help="A hyper-parameter of the loss.")
@click.option("--calibrate", multiple=True, metavar="NAME:KEY=VALUE", help="Afterwards, a row with calibrated scores "
              "(norcal:gamma=0.6), which trains nothing. Several times for several.")  # fmt: skip
@click.option("--exclude-images", type=PATH, help="File of images to leave out, train:ID or val:ID per line.")
@click.option("--work-dir", type=PATH, help="Folder of the run. Default: work_dirs/, by digest of the arguments.")
@click.option("--resume", is_flag=True, help="Fail unless there is a checkpoint to continue from.")
@click.option("--restart", is_flag=True, help="Keep an earlier run of the same arguments aside and begin anew.")
@click.option("--checkpoint-every", metavar="N|TIME", help="Optimizer steps, or 90s, 30min, 2h. Default: 10min.")
@click.option(
    "--on-nan",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="At a loss or gradient that is not finite: end the run, or leave the step out, counted in record and table.",
)
@click.option("--keep-epochs", is_flag=True, help="Keep the checkpoint of each epoch's end; else the last two.")
@click.option("--log", metavar="NAMES", help="Curves for tensorboard, wandb or both, with commas; wandb offline.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and the memory and disk it needs; run nothing.")
@click.option("--print-config", is_flag=True, help="Print the run's config alone, for a pipe; run nothing.")
@click.option("--evaluator", type=click.Choice(["vernier", "lvis"]), default="vernier", show_default=True)
@click.option("--metrics", default="ap", show_default=True, help=METRICS_HELP + " ap_fixed makes a table of its own.")
@verbose
@click.option("--leaderboards", type=PATH, help="Folder for the tables. Default: leaderboards/ in the work dirs.")
@click.pass_context
def run(
    context: click.Context,
    /,
    loss: str,
    backbone: str,
    schedule: str,
    detector: str,
    recipe: str,
    seed: int | None,
    seeds: str | None,
    gpus: int | None,
    images_per_device: int | None,
    loss_set: tuple[str, ...],
    calibrate: tuple[str, ...],
    work_dir: Path | None,
    resume: bool,
    restart: bool,
    checkpoint_every: str | None,
    on_nan: OnNaN,
    keep_epochs: bool,
    log: str | None,
    stage2_from: Path | None,
    train: str | None,
    dry_run: bool,
    print_config: bool,
    evaluator: Evaluator,
    metrics: str,
    leaderboards: Path | None,
    **shared: Any,  # with `sweep`: see `experiments`
) -> None:
    """Train a loss, evaluate it, write its record and the local tables.

    An interrupted run goes on where it stopped when the same command is given again. So does a finished one that is
    asked for further metrics: with ap_fixed it is another run, since the model is asked for 1,000 detections per image.

    A data set of your own takes --train-annotations, --val-annotations, --images and --dataset-name, with the recipe
    of LVIS. Annotations in COCO's form are taken for exhaustive; what else is assumed is said, and is in the record.

    With --dry-run nothing is trained, fetched or written: it shows what would be, what the folder holds, and an
    estimate of memory and disk. --print-config prints config.py as the run would write it.

    With --seeds each seed is a run in the folder that it has with --seed (with --work-dir: seed_0 and so on below it).
    Finished ones are not repeated, one that fails keeps no other from running, and mean and standard deviation over the
    seeds are shown at the end.

    With --stage2-from a detector that was trained before is kept as it is but for its classifier (--train classifier),
    or for the last layers of its heads and the RPN (--train heads). Such runs are a track of their own.

    With --calibrate the last checkpoint predicts once more, with all calibrations in one pass; a finished run is not
    trained again for them.
    """
    from lt_bench.data import dataset as datasets
    from lt_bench.evaluation.metrics import check_metrics, parse_metrics
    from lt_bench.run import distributed
    from lt_bench.run.experiment import kinds_of, parse_assignments
    from lt_bench.run.folder import RunFolder
    from lt_bench.run.log_backends import parse_log
    from lt_bench.run.pipeline import RunOptions, run_other_rank
    from lt_bench.run.pipeline import run as run_experiment
    from lt_bench.run.plan import make_plan
    from lt_bench.run.seeds import telling_why
    from lt_bench.run.stage2 import checkpoint_of
    from lt_bench.sweep.matrix import Cell

    chosen, backends = choose_seeds(seed, seeds), parse_log(log)
    if not distributed.is_rank_zero():
        with stoppable():
            return run_other_rank()

    with stoppable(), telling_why(), distributed.release_ranks_on_error():
        asked = parse_metrics(metrics)
        check_metrics(asked, kinds_of(detector), evaluator)
        if resume and restart:
            raise UserError("--resume and --restart exclude each other", "give one of them")
        paths = paths_of(shared)
        own = parse_assignments(loss_set, "--loss-set")
        cell = Cell(loss, backbone, schedule, detector, recipe, chosen[0], own)
        single = experiment_of(shared, cell, paths, asked)
        if stage2_from is not None:
            single = replace(single, stage2_from=str(checkpoint_of(stage2_from)), trained=train or "classifier")
        elif train is not None:
            raise UserError(f"--train {train} needs --stage2-from", "name the run or checkpoint to start from")
        data, (experiment,) = on_data(shared, [single], paths)
        folders = _folders(experiment, chosen, work_dir)
        if work_dir is not None and seeds is None:
            folders = {chosen[0]: work_dir}
        options = RunOptions(
            folder=folders[chosen[0]],
            devices=gpus,
            images_per_device=images_per_device,
            resume=resume,
            restart=restart,
            on_nan=on_nan,
            checkpoint_every=checkpoint_every,
            keep_epochs=keep_epochs,
            log=backends,
            evaluator=evaluator,
            metrics=asked,
        )
        calibrations = calibrations_of_run(calibrate, experiment, data)
        if dry_run or print_config:
            return show(experiment, data, options, folders, dry_run, print_config)
        data = datasets.verify(data, experiment.exclude, experiment.has_masks)
        if seeds is not None:
            make_plan(experiment, data, gpus, images_per_device)  # a mistake shows before anything is trained
            return run_each(context, folders, experiment.dataset)
        record = run_experiment(experiment, data, options)
        tables = leaderboards or WORK_DIRS / "leaderboards"
        result = RunFolder(options.folder).result
        calibrated = calibrate_run(options.folder, calibrations, experiment, data, evaluator)
        publish([result, *calibrated], tables)
    _print_result(record)
    for path in calibrated:
        logger.info(f"record: {path}")
    logger.info(f"record: {result}; table: {tables / (experiment.dataset + '.md')}")


def _folders(experiment: Experiment, seeds: tuple[int, ...], work_dir: Path | None) -> dict[int, Path]:
    """The folder of each seed's run: without a --work-dir the one that it has when it is run alone."""
    if work_dir is not None:
        return {seed: work_dir / f"seed_{seed}" for seed in seeds}
    return {seed: WORK_DIRS / replace(experiment, seed=seed).folder_name() for seed in seeds}


def publish(records: Sequence[Path], leaderboards: Path) -> None:
    """Take the records of runs, with what lies beside them, into a board and make its pages anew."""
    from lt_bench.leaderboard.page import regenerate
    from lt_bench.leaderboard.store import add, changing

    try:
        with changing(leaderboards / "results"):  # two runs may end at once
            for record in records:
                add(record, leaderboards / "results")
            _, problems = regenerate(leaderboards)
    except OSError as error:
        finished = f"the run is finished: {records[0]}" if len(records) == 1 else f"{len(records)} runs are finished"
        raise UserError(
            f"the tables can't be written to {leaderboards}: {error.strerror}; {finished}",
            "give the same command with another --leaderboards",
        ) from error
    for problem in problems:
        logger.warning(f"left out of the tables: {problem}")


def _print_result(record: ResultRecord) -> None:
    from lt_bench.evaluation.report import results_table

    minutes, seconds = divmod(round(record.training_seconds), 60)
    click.echo(
        f"{record.loss.name} on {record.track.dataset}: {record.iterations} iterations in {minutes}:{seconds:02d} on "
        f"{record.device.count} x {record.device.name}, peak {record.memory.peak_bytes / 2**30:.2f} GiB "
        f"({record.memory.kind})"
    )
    click.echo(results_table(record.model_dump()))
