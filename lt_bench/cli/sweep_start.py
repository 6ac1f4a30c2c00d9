"""`lt_bench sweep start`, or plainly `lt_bench sweep`: its options, and the jobs that they stand for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lt_bench.cli.experiments import experiment_of, on_data, paths_of
from lt_bench.cli.run import WORK_DIRS
from lt_bench.cli.run import run as run_command
from lt_bench.cli.seeds import given
from lt_bench.cli.sweep_launch import SWEEPS, launch
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.sweep.job import Job
    from lt_bench.sweep.matrix import Cell

logger = logging.getLogger(__name__)

# Options of `run` that a sweep has otherwise, or not at all; all others it passes on.
NOT_PASSED_ON = {
    *("loss", "backbone", "schedule", "detector", "recipe", "seed", "seeds", "gpus", "loss_set"),
    *("work_dir", "resume", "restart", "dry_run", "print_config"),
}
SLURM_OPTIONS = ("partition", "account", "qos", "constraint", "mem", "cpus_per_task")


class _Start(click.Command):
    """Takes a file with options as its first word, and of the options of `run` those that are passed on."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        own = {option.name for option in self.params}
        self.params += [o for o in run_command.params if o.name not in {*NOT_PASSED_ON, *own}]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].endswith(".toml"):
            args = [*self._words_of(Path(args[0])), *args[1:]]
        return super().parse_args(ctx, args)

    def _words_of(self, path: Path) -> list[str]:
        from lt_bench.sweep.toml_file import words_of

        options = [option for option in self.params if isinstance(option, click.Option)]
        long = {option: max(option.opts, key=len).removeprefix("--") for option in options}
        flags = {name for option, name in long.items() if option.is_flag}
        repeated = {name for option, name in long.items() if option.multiple}
        return words_of(path, flags, repeated, set(long.values()) - flags - repeated)


@click.command(cls=_Start)
@click.option("--loss", required=True, help="Registered losses, with commas; all for each of them.")
@click.option("--backbone", default="r50", show_default=True, help="With commas.")
@click.option("--schedule", default="1x", show_default=True, help="With commas.")
@click.option("--detector", default="mask_rcnn", show_default=True, help="With commas.")
@click.option("--recipe", default="common", show_default=True, help="With commas.")
@click.option("--seeds", default="1", show_default=True, help="5 for the seeds 0 to 4, or a list such as 0,1,7.")
@click.option("--loss-grid", multiple=True, metavar="LOSS:KEY=V1,V2", help="Values of a loss's hyper-parameter.")
@click.option("--launcher", type=click.Choice(["local", "slurm", "dry-run"]), default="local", show_default=True)
@click.option("--parallel", type=click.IntRange(1), help="Jobs at a time. Default: 1 locally, all through SLURM.")
@click.option("--gpus", type=click.IntRange(0), help="Per job and node. Default: 1 where there are GPUs.")
@click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Per job (SLURM).")
@click.option("--retries", type=click.IntRange(0), default=2, show_default=True, help="After lack of memory or a kill.")
@click.option(
    "--time", "minutes", type=click.IntRange(1), help="Limit of a job in minutes (SLURM). It goes on after it."
)
@click.option("--partition", help="SLURM's.")
@click.option("--account", help="SLURM's.")
@click.option("--qos", help="SLURM's.")
@click.option("--constraint", help="SLURM's.")
@click.option("--mem", help="Per node (SLURM), such as 64GB.")
@click.option("--cpus-per-task", type=click.IntRange(1), help="SLURM's.")
@click.option("--warning", type=click.IntRange(1), help="Seconds before the limit in which a job saves. Default: 120.")
@click.option("--name", help="Of the sweep. Default: by digest of its jobs.")
@click.option("--no-disk-check", is_flag=True, help="Start although the disk seems too small.")
@click.pass_context
def start(context: click.Context, /, **options: Any) -> None:
    """Run all combinations, as many at a time as --parallel says, and repeat what lack of memory or a kill ended.

    A job is what `run` is, in the same folder. Given again, the command starts only what is missing; two of them at
    once share the work. A job that failed otherwise is started again by `sweep retry` alone.

    FILE.toml as the first word holds options, such as loss = ["ce", "ecm"] and max-iters = 100.
    """
    from lt_bench.sweep.disk import needed, refuse_too_little
    from lt_bench.sweep.job import Settings, Sweep, sweep_name
    from lt_bench.sweep.slurm import check_words

    jobs, detectors, images, epochs = _jobs(context, options)
    slurm = {name: options[name] for name in SLURM_OPTIONS if options[name] is not None}
    check_words(slurm)
    slurm |= {"time": options["minutes"]} if options["minutes"] else {}
    slurm |= {"signal_delay_s": options["warning"]} if options["warning"] else {}
    settings = Settings(
        launcher=options["launcher"],
        parallel=options["parallel"],
        gpus=_gpus(options),
        nodes=options["nodes"],
        retries=options["retries"],
        slurm=slurm,
    )
    if options["name"] is not None and not _is_name(options["name"]):
        raise UserError(f"--name {options['name']!r} is no name", "letters, digits, - and _ make one")
    sweep = Sweep(path=(SWEEPS / (options["name"] or sweep_name(jobs))).resolve(), jobs=jobs, settings=settings)
    bytes_needed = needed(jobs, detectors, images, kept=epochs if options["keep_epochs"] else 0)
    if options["launcher"] == "dry-run":
        return _show(jobs, bytes_needed)
    if not options["no_disk_check"]:
        logger.info(refuse_too_little(WORK_DIRS, bytes_needed))
    sweep.write()
    launch(sweep, jobs)


def _jobs(
    context: click.Context, options: dict[str, Any]
) -> tuple[tuple[Job, ...], dict[str, tuple[str, str]], int, int]:
    """The jobs, the detector and backbone of each, how many images are predicted, and the epochs of the longest job.

    Raises UserError for a mistake in any of them, so that it shows before anything is trained.
    """
    from lt_bench.data import dataset as datasets
    from lt_bench.evaluation.metrics import check_metrics, parse_metrics
    from lt_bench.run.experiment import EPOCHS, kinds_of
    from lt_bench.run.seeds import parse_seeds
    from lt_bench.sweep.job import Job
    from lt_bench.sweep.matrix import cells, loss_names, names, parse_grid

    detectors = names(options["detector"], "--detector")
    asked = parse_metrics(options["metrics"])
    paths = paths_of(options)
    found = cells(
        loss_names(options["loss"]),
        names(options["backbone"], "--backbone"),
        names(options["schedule"], "--schedule"),
        detectors,
        names(options["recipe"], "--recipe"),
        parse_seeds(options["seeds"]),
        parse_grid(options["loss_grid"]),
    )
    wanted = [experiment_of(options, cell, paths, asked) for cell in found]
    for detector in detectors:
        check_metrics(asked, kinds_of(detector), options["evaluator"])
    data, experiments = on_data(options, wanted, paths)
    datasets.verify(data, experiments[0].exclude, any(one.has_masks for one in experiments))
    common = given(context, *(str(o.name) for o in context.command.params if o.name not in _passed_on()), "dataset")
    jobs: dict[str, Job] = {}
    kinds = {}
    for cell, one in zip(found, experiments, strict=True):
        folder = (WORK_DIRS / one.folder_name()).resolve()
        words = ("run", *common, *_own_words(cell, paths.dataset, folder, options))
        name = one.digest()[:12]
        jobs[name] = Job(name=name, label=cell.label(), folder=folder, words=words, metrics=asked)
        kinds[name] = (cell.detector, cell.backbone)
    epochs = 0 if options["max_iters"] else max(EPOCHS[one.schedule] for one in experiments)
    return tuple(jobs.values()), kinds, len(data.val.image_ids), epochs


def _own_words(cell: Cell, dataset: str, folder: Path, options: dict[str, Any]) -> tuple[str, ...]:
    gpus = _gpus(options)
    return (
        *(f"--loss={cell.loss}", f"--backbone={cell.backbone}", f"--schedule={cell.schedule}"),
        *(f"--detector={cell.detector}", f"--recipe={cell.recipe}", f"--seed={cell.seed}", f"--dataset={dataset}"),
        *(f"--loss-set={name}={value!r}" for name, value in cell.hyper_parameters.items()),
        *((f"--gpus={gpus}",) if gpus > 1 and options["nodes"] == 1 else ()),
        f"--work-dir={folder}",
    )


def _passed_on() -> set[str]:
    return {str(option.name) for option in run_command.params} - NOT_PASSED_ON


def _gpus(options: dict[str, Any]) -> int:
    """Per job and node: one where this machine, or the cluster that it can't look into, has any."""
    if options["gpus"] is not None:
        return int(options["gpus"])
    if options["launcher"] == "slurm":
        return 1
    from lt_bench.sweep.local import visible_gpus

    return min(1, len(visible_gpus()))


def _is_name(text: str) -> bool:
    return text.replace("-", "").replace("_", "").isalnum() and text.isascii()


def _show(jobs: Sequence[Job], bytes_needed: int) -> None:
    """The commands that would be run."""
    import shlex

    for job in jobs:
        click.echo(shlex.join(("python", "-m", "lt_bench", *job.words)))
    click.echo(f"{len(jobs)} jobs, about {bytes_needed / 2**30:.1f} GiB", err=True)
