"""The command line: one function a verb. Heavy imports are inside, so that --help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from lt_bench import __version__
from lt_bench.errors import RunFailedError, UserError

LEADERBOARDS = Path("leaderboards")
WORK_DIRS = Path("work_dirs")
PORTRAITS = Path("portraits")
SELFTEST = Path("selftest")

_path = click.Path(path_type=Path)
_METRICS_HELP = "What to measure: ap, ap_fixed, ap_boundary, errors, with commas."


class _Group(click.Group):
    """Prints an expected mistake without a traceback and suggests the nearest verb for an unknown one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from lt_bench.errors import did_you_mean

        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(f"there is no command {args[0]!r}; {did_you_mean(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(2)
        except RunFailedError as error:
            click.echo(f"failed: {error}", err=True)
            ctx.exit(1)


def _say(text: str) -> None:
    click.echo(text, err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="lt_bench")
def main() -> None:
    """A benchmark of long-tail classification losses for instance segmentation."""


@main.command()
@click.option("--loss", required=True, help="A registered loss (see `lt_bench losses`).")
@click.option("--backbone", default="r50", show_default=True, help="r50, r101, x101_32x4d or x101_64x4d.")
@click.option("--schedule", default="1x", show_default=True, help="1x (12 epochs) or 2x (24).")
@click.option("--detector", default="mask_rcnn", show_default=True, help="mask_rcnn or cascade_mask_rcnn.")
@click.option("--dataset", help="lvis_v1, lvis_v0.5, glyphs or glyphs-1203. Default: lvis_v1 if found, else glyphs.")
@click.option("--data-root", type=_path, help="Folder of the data set. Default: $LT_BENCH_DATA, ./data.")
@click.option("--recipe", default="common", show_default=True, help="common (same for all) or paper (its authors').")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option("--gpus", type=click.IntRange(min=1), help="Processes that share the batch, one a GPU. Default: 1.")
@click.option("--images-per-device", type=click.IntRange(min=1), help="Images at a time; the rest is accumulated.")
@click.option("--amp", is_flag=True, help="Mixed precision; rows go into a table of their own.")
@click.option("--init", help="Backbone weights: pretrained or random. Default: the data set's recipe.")
@click.option("--max-iters", type=int, help="Optimizer steps instead of the schedule's epochs.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any config key; +KEY=VALUE adds one.")
@click.option("--loss-set", multiple=True, metavar="KEY=VALUE", help="A hyper-parameter of the loss.")
@click.option("--exclude-images", type=_path, help="File of image ids to leave out, one a line.")
@click.option("--work-dir", type=_path, help="Folder of the run. Default: work_dirs/, by digest of the arguments.")
@click.option("--resume", is_flag=True, help="Fail unless there is a checkpoint to continue from.")
@click.option("--restart", is_flag=True, help="Keep an earlier run of the same arguments aside and begin anew.")
@click.option("--evaluator", type=click.Choice(["vernier", "lvis"]), default="vernier", show_default=True)
@click.option("--metrics", default="ap", show_default=True, help=_METRICS_HELP + " ap_fixed makes a table of its own.")
@click.option("--leaderboards", type=_path, help="Folder for the tables. Default: leaderboards/ in the work dirs.")
def run(
    loss: str,
    backbone: str,
    schedule: str,
    detector: str,
    dataset: str | None,
    data_root: Path | None,
    recipe: str,
    seed: int,
    gpus: int | None,
    images_per_device: int | None,
    amp: bool,
    init: str | None,
    max_iters: int | None,
    settings: tuple[str, ...],
    loss_set: tuple[str, ...],
    exclude_images: Path | None,
    work_dir: Path | None,
    resume: bool,
    restart: bool,
    evaluator: Any,
    metrics: str,
    leaderboards: Path | None,
) -> None:
    """Train a loss, evaluate it, write its record and the local tables.

    An interrupted run goes on where it stopped when the same command is given again. So does a finished one that is
    asked for further metrics: with ap_fixed it is another run, since the model is asked for 1,000 detections an image.
    """
    from lt_bench import group
    from lt_bench import source as sources
    from lt_bench.evaluation.metrics import check_metrics, parse_metrics
    from lt_bench.experiment import FIXED_DETECTIONS_PER_IMAGE, Experiment, parse_assignments
    from lt_bench.runner import Options, follow
    from lt_bench.runner import run as run_experiment

    if group.rank() > 0:
        return follow()

    with group.leading():
        asked = parse_metrics(metrics)
        check_metrics(asked, ("bbox", "segm"), evaluator)
        arguments: dict[str, Any] = {
            "loss": loss,
            "backbone": backbone,
            "schedule": schedule,
            "detector": detector,
            "recipe": recipe,
            "seed": seed,
            "amp": amp,
            "init": init,
            "max_iters": max_iters,
            "hyper_parameters": parse_assignments(loss_set, "--loss-set"),
            "overrides": parse_assignments(settings, "--set"),
            "exclude": _read_ids(exclude_images),
            "detections_per_image": FIXED_DETECTIONS_PER_IMAGE if "ap_fixed" in asked else None,
        }
        if resume and restart:
            raise UserError("--resume and --restart exclude each other", "give one of them")
        Experiment(dataset=dataset or "glyphs", **arguments)  # an unknown name shows before any data is read
        paths = sources.locate(dataset, data_root, _say)
        experiment = Experiment(dataset=paths.dataset, **arguments)
        source = sources.read(paths, _say)
        sources.verify(source, experiment.exclude, _say)
        options = Options(
            folder=work_dir or WORK_DIRS / experiment.folder_name(),
            devices=gpus,
            images_per_device=images_per_device,
            resume=resume,
            restart=restart,
            evaluator=evaluator,
            metrics=asked,
        )
        record = run_experiment(experiment, source, options, _say)
    tables = leaderboards or WORK_DIRS / "leaderboards"
    _publish(options.folder / "result.json", tables)
    _print_result(record)
    _say(f"record: {options.folder / 'result.json'}; table: {tables / (paths.dataset + '.md')}")


@main.command("eval")
@click.argument("target", type=_path)
@click.option("--annotations", type=_path, help="LVIS annotation JSON that the predictions are of.")
@click.option("--config", type=_path, help="Config of a checkpoint. Default: config.py beside it.")
@click.option("--out", type=_path, help="Folder for a checkpoint's predictions. Default: eval/ beside it.")
@click.option("--evaluator", type=click.Choice(["vernier", "lvis"]), default="vernier", show_default=True)
@click.option("--box-only", is_flag=True, help="Only boxes, for predictions without masks.")
@click.option("--metrics", default="ap", show_default=True, help=_METRICS_HELP)
@click.option("--csv", type=_path, help="File for the AP of every class.")
def evaluate(
    target: Path,
    annotations: Path | None,
    config: Path | None,
    out: Path | None,
    evaluator: Any,
    box_only: bool,
    metrics: str,
    csv: Path | None,
) -> None:
    """LVIS AP and further metrics of TARGET: a predictions file (.json) or a checkpoint (.pth)."""
    import json

    from lt_bench.evaluation.metrics import CUT, check_metrics, measure, parse_metrics
    from lt_bench.evaluation.report import class_rows, refuse_unwritable, results_table, write_per_class
    from lt_bench.experiment import FIXED_DETECTIONS_PER_IMAGE

    asked = parse_metrics(metrics)
    kinds: Any = ("bbox",) if box_only else ("bbox", "segm")
    check_metrics(asked, kinds, evaluator)
    if not target.is_file():
        raise UserError(f"{target} is no file", "give a predictions file (.json) or a checkpoint (.pth)")
    if csv is not None:
        if set(asked) == {"errors"}:
            raise UserError("--csv is for AP by class, and no AP was asked for", "add ap to --metrics")
        refuse_unwritable(csv)  # before hours of predicting
    if target.suffix == ".pth":
        more = FIXED_DETECTIONS_PER_IMAGE if "ap_fixed" in asked else 0
        beside = config or target.with_name("config.py")
        target, from_config = _predict(target, beside, out or target.parent / "eval", more)
        annotations = annotations or from_config
    if annotations is None:
        raise UserError("predictions alone do not say what is true", "give the annotation file with --annotations")
    measured = measure(annotations, target, asked, kinds, evaluator)
    if measured.ap_fixed and measured.cut:
        _say(f"warning: {CUT}")
    click.echo(results_table(measured.blocks()))
    if csv is not None:
        categories = json.loads(annotations.read_bytes())["categories"]
        write_per_class(csv, class_rows(categories, measured.per_class()))
        _say(f"AP by class: {csv}")


def _predict(checkpoint: Path, config: Path, out: Path, detections_per_image: int) -> tuple[Path, Path]:
    from mmengine.config import Config

    from lt_bench.worker import predict

    if not config.is_file():
        raise UserError(f"{config}: there is no config for {checkpoint}", "name it with --config")
    predict(config, checkpoint, out, detections_per_image)
    return out / "predictions.json", Path(Config.fromfile(str(config)).test_dataloader.dataset.ann_file)


@main.group(cls=_Group, invoke_without_command=True)
@click.option("--check", is_flag=True, help="Import every loss instead of reading its source.")
@click.pass_context
def losses(ctx: click.Context, check: bool) -> None:
    """List the installed losses, where they come from, their hyper-parameters and papers; or show what they do."""
    if ctx.invoked_subcommand is not None:
        return

    from lt_bench.registry import list_losses

    broken = False
    for info in list_losses(load=check):
        broken |= info.problem is not None
        click.echo(f"{info.name}  ({info.distribution} {info.version})".rstrip())
        if info.problem is not None:
            click.echo(f"  BROKEN: {info.problem}")
            continue
        values = ", ".join(f"{name}={value}" for name, value in info.hyper_parameters.items())
        click.echo(f"  {info.paper or 'no paper named'}\n  hyper-parameters: {values or 'none'}")
    if check and broken:
        sys.exit(1)


@losses.command("show")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every installed loss.")
@click.option("--annotations", type=_path, help="LVIS training JSON with the class counts. Default: made-up counts.")
@click.option(
    "--after",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Training calls before the loss is measured.",
)
@click.option("--out", type=_path, default=PORTRAITS, show_default=True, help="Folder for the figure and the numbers.")
def losses_show(names: tuple[str, ...], every: bool, annotations: Path | None, after: int, out: Path) -> None:
    """Measure what losses do to rare and frequent classes: a table, a figure (PNG and SVG) and all numbers (CSV)."""
    from lt_bench.portrait import show
    from lt_bench.portrait.table import summary

    chosen = show.choose(names, every)
    stats, about = show.statistics(annotations, _say)
    show.prepare(out)
    portraits, problems = show.measure_all(chosen, stats, after)
    if portraits:
        stem = ("all" if every else "-".join(chosen)) + (f"-after-{after}" if after else "")
        click.echo(f"{about}; medians over the classes of a group\n{summary(portraits, stats)}")
        for path in show.write(portraits, stats, about, out / stem):
            click.echo(f"wrote {path}")
    for problem in problems:
        click.echo(f"can't be measured: {problem}", err=True)
    if problems:
        sys.exit(1)


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every installed loss; a broken plugin counts as failed.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Of the made-up batches.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check alone; can be repeated.")
@click.option("--json", "to_json", is_flag=True, help="Print JSON instead of tables.")
def check(names: tuple[str, ...], every: bool, seed: int, only: tuple[str, ...], to_json: bool) -> None:
    """Check losses before days of training, on made-up statistics from one class to LVIS scale.

    Gradient against finite differences, half precision against float64, batches without RoIs or foreground, extreme
    logits, order, repetition and random draws, scores, checkpoints, two ranks, another device, arguments, files and
    network, and the cost against ce. A failure comes with its smallest case and the command that shows it again.

    Exits with 1 if a check fails.
    """
    import json

    from lt_bench.registry import list_losses, load_loss
    from lt_bench.testing.report import as_json, report
    from lt_bench.testing.suite import run_checks

    if bool(names) == every:
        raise UserError("no loss is named" if not names else "NAME and --all exclude each other", "give one of them")
    infos = {info.name: info.problem for info in list_losses(load=True)} if every else dict.fromkeys(names)
    classes = {name: load_loss(name) for name, problem in infos.items() if problem is None}
    found: dict[str, Any] = {}
    failed = False
    for name, problem in infos.items():
        results = run_checks(classes[name], seed, only) if problem is None else []
        failed |= problem is not None or any(result.status == "failed" for result in results)
        found[name] = {"problem": problem, "checks": as_json(results)}
        if not to_json:
            again = f"python -m lt_bench check {name} --seed {seed} --only {{check}}"
            click.echo(report(name, results, again) if problem is None else f"{name}: BROKEN: {problem}")
    if to_json:
        click.echo(json.dumps({"seed": seed, "losses": found}, indent=2))
    if failed:
        sys.exit(1)


@main.command()
@click.option("--folder", type=_path, default=LEADERBOARDS, show_default=True, help="Holds results/ and the pages.")
@click.option("--add", "records", type=_path, multiple=True, metavar="RECORD", help="Take a result.json in first.")
def leaderboard(folder: Path, records: tuple[Path, ...]) -> None:
    """Make the tables anew from the records in FOLDER/results."""
    from lt_bench.leaderboard.page import regenerate
    from lt_bench.leaderboard.store import add

    for record in records:
        click.echo(f"added {add(record, folder / 'results')}")
    if not (folder / "results").is_dir():
        raise UserError(f"{folder} holds no results/", "name the folder with --folder, or --add a record")
    pages, problems = regenerate(folder, published=True)
    for page in pages:
        click.echo(f"wrote {page}")
    for problem in problems:
        click.echo(f"left out: {problem}", err=True)
    if problems:
        sys.exit(1)


@main.group(cls=_Group)
def data() -> None:
    """Make the embedded data set, or check a data set."""


@data.command("make")
@click.argument("preset", default="glyphs")
def data_make(preset: str) -> None:
    """Make the embedded data set PRESET (glyphs, glyphs-1203) and print its folder."""
    from lt_bench.data import glyphs
    from lt_bench.terminal import progress

    with progress(f"making {preset}") as report:
        root = glyphs.make(preset, progress=report)
    click.echo(root)


@data.command("check")
@click.argument("folder", metavar="PATH", type=_path)
@click.option("--dataset", default="lvis_v1", show_default=True, help="lvis_v1 or lvis_v0.5.")
@click.option("--no-images", is_flag=True, help="Do not decode the images.")
def data_check(folder: Path, dataset: str, no_images: bool) -> None:
    """Verify the data set in folder PATH, list every problem, and exit with 1 if there is one."""
    from lt_bench.data.cache import cache_folder
    from lt_bench.data.lvis import ImageFinder, find, load
    from lt_bench.data.verify import check, summary
    from lt_bench.terminal import progress

    paths = find(dataset, folder)
    problems = []
    for path, is_train in ((paths.train, True), (paths.val, False)):
        file = load(path, cache_folder(), say=_say)
        click.echo(
            f"{path}: form of LVIS {file.version}, {len(file.categories)} classes, {len(file.images)} images, "
            f"{len(file.annotations)} annotations"
        )
        with progress(f"checking {path.name}") as report:
            found = check(file, ImageFinder(paths.image_root), not no_images, report, is_train)
        for problem in found:
            click.echo(f"  {problem.kind}: {problem.where}: {problem.detail}")
        problems += found
    click.echo(summary(problems))
    if problems:
        sys.exit(1)


@main.command()
@click.option("--data-root", type=_path, help="Folder of LVIS. Default: $LT_BENCH_DATA, ./data.")
@click.option("--look-only", is_flag=True, help="Put nothing into the environment.")
def doctor(data_root: Path | None, look_only: bool) -> None:
    """Say what this machine has, what is missing, and the command that mends it.

    Operators of mmcv that are missing or broken are mended at once, where that is possible.
    """
    from lt_bench.doctor import examine

    findings = examine(data_root, mend=not look_only)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING" if finding.needed else "absent "
        click.echo(f"{mark}  {finding.what:<{width}}  {finding.state}")
        if finding.remedy:
            click.echo(f"{'':<9}{'':<{width}}  -> {finding.remedy}")
    if any(finding.needed and not finding.ok for finding in findings):
        sys.exit(1)


@main.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="What to check. Default: the GPU if there is one.")
@click.option("--out", type=_path, default=SELFTEST, show_default=True, help="Folder for the report.")
@click.option("--only", multiple=True, metavar="NAME", help="This check or group alone; can be repeated.")
def selftest(device: str | None, out: Path, only: tuple[str, ...]) -> None:
    """Check this installation on a CPU or a GPU before days of training, in minutes and without network.

    Operators against float64, losses against their official implementations, mask predictor, post-processing and
    training against stock mmdet, a run with resume and evaluation, and two ranks. The report is a table, and in the
    folder selftest_DEVICE.json and selftest_DEVICE.md.

    Groups: operators, losses, detector, pipeline, ranks, training. Exits with 1 if a check fails; its row comes first.
    """
    from lt_bench.evaluation.report import refuse_unwritable
    from lt_bench.selftest import report, suite

    chosen = suite.choose(only)
    where = suite.find_device(device)
    files = [out / f"selftest_{where.type}{suffix}" for suffix in (".json", ".md")]
    for file in files:
        refuse_unwritable(file)  # before minutes of checking
    rows = []
    for row in suite.run(where, chosen):
        rows.append(row)
        _say(f"{row.check}: {row.status} in {row.seconds:.1f} s")
    about = report.machine(where)
    click.echo(report.terminal(about, rows))
    report.write(about, rows, *files)
    _say(f"report: {files[0]}, {files[1]}")
    if any(row.status == "failed" for row in rows):
        sys.exit(1)


def _read_ids(path: Path | None) -> tuple[int, ...]:
    if path is None:
        return ()
    try:
        return tuple(sorted({int(line) for line in path.read_text(encoding="utf-8").split()}))
    except (OSError, ValueError) as error:
        raise UserError(f"--exclude-images {path}: {error}", "the file holds image ids, one a line") from error


def _publish(record: Path, leaderboards: Path) -> None:
    from lt_bench.leaderboard.page import regenerate
    from lt_bench.leaderboard.store import add

    try:
        add(record, leaderboards / "results")
        _, problems = regenerate(leaderboards)
    except OSError as error:
        raise UserError(
            f"the tables can't be written to {leaderboards}: {error.strerror}; the run is finished: {record}",
            "give the same command with another --leaderboards",
        ) from error
    for problem in problems:
        _say(f"left out of the tables: {problem}")


def _print_result(record: Any) -> None:
    from lt_bench.evaluation.report import results_table

    minutes, seconds = divmod(round(record.training_seconds), 60)
    click.echo(
        f"{record.loss.name} on {record.track.dataset}: {record.iterations} iterations in {minutes}:{seconds:02d} on "
        f"{record.device.count} x {record.device.name}, peak {record.memory.peak_bytes / 2**30:.2f} GiB "
        f"({record.memory.kind})"
    )
    click.echo(results_table(record.model_dump()))
