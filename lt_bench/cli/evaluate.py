"""`lt_bench eval`: AP of a predictions file or a checkpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.cli.common import METRICS_HELP, PATH
from lt_bench.cli.evaluate_calibrated import calibrations_asked_for, run_to_record, show_calibrated
from lt_bench.cli.evaluate_record import record_asked_for, record_folder, write_record
from lt_bench.cli.evaluate_targets import annotations_of, kinds_of_checkpoint, loss_of, measured_on, predict
from lt_bench.cli.own_data import asked_of_conversion, known_truth, refuse_of_known, truth_in_lvis_form
from lt_bench.data.convert.options import Crowds, parse_options
from lt_bench.data.known import KNOWN
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.evaluation.inputs.reading import CategoryIds, ImageIds
    from lt_bench.evaluation.terms import BoxOrMask

logger = logging.getLogger(__name__)


@click.command("eval")
@click.argument("targets", metavar="TARGET [MASKS]", nargs=-1, required=True, type=PATH)
@click.option("--annotations", type=PATH, help="Annotation JSON that the predictions are of, in LVIS's or COCO's form.")
@click.option("--train-annotations", type=PATH, help="For annotations in COCO's form: those of the training set, whose "
              "counts give the frequency groups.")  # fmt: skip
@asked_of_conversion
@click.option("--config", type=PATH, help="Config of a checkpoint. Default: config.py beside it.")
@click.option("--out", type=PATH, help="Folder for a checkpoint's predictions (default: eval/ beside it), or for the "
              "record of --as record (default: below work_dirs/elsewhere/).")  # fmt: skip
@click.option("--calibrate", multiple=True, metavar="NAME:KEY=VALUE", help="Of a checkpoint: a row with calibrated "
              "scores too (norcal:gamma=0.6), in the same pass. Several times for several.")  # fmt: skip
@click.option("--evaluator", type=click.Choice(["vernier", "lvis"]), default="vernier", show_default=True)
@click.option("--box-only", is_flag=True, help="Only boxes. Without, whatever the predictions have.")
@click.option("--mask-only", is_flag=True, help="Only masks.")
@click.option("--image-ids", type=click.Choice(["annotations", "file-names", "from-0"]), default="annotations",
              help="What image_id is: the annotations' id, the file's name or its number, or the place in the "
              "annotation file.  [default: annotations]")  # fmt: skip
@click.option("--category-ids", type=click.Choice(["annotations", "from-0", "from-1"]), default="annotations",
              help="What category_id is: the annotations' id, or the place among the categories by id.  "
              "[default: annotations]")  # fmt: skip
@click.option("--metrics", default="ap", show_default=True, help=METRICS_HELP)
@click.option("--csv", type=PATH, help="File for the AP of every class.")
@click.option("--evidence", type=PATH, help="File for what AP is computed from (.parquet).")
@click.option("--as", "form", type=click.Choice(["record"]), help="Write a record of predictions made elsewhere.")
@click.option("--name", help="With --as record: what the predictions are called in tables.")
@click.option("--dataset", metavar="NAME", help="A known data set instead of --annotations: "
              f"{', '.join(KNOWN)}. With --as record: the data set that the annotations are of.")  # fmt: skip
@click.option("--data-root", type=PATH, help="Folder of that data set. Default: $LT_BENCH_DATA, ./data.")
@click.option("--run", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
              help="With --as record: which of several runs of that name (its seed, say).")  # fmt: skip
@click.option("--source", help="With --as record: where the predictions are from, in words or as an address.")
def evaluate(
    targets: tuple[Path, ...],
    annotations: Path | None,
    train_annotations: Path | None,
    groups: str | None,
    crowds: Crowds | None,
    config: Path | None,
    out: Path | None,
    calibrate: tuple[str, ...],
    evaluator: Evaluator,
    box_only: bool,
    mask_only: bool,
    image_ids: ImageIds,
    category_ids: CategoryIds,
    metrics: str,
    csv: Path | None,
    evidence: Path | None,
    form: str | None,
    name: str | None,
    dataset: str | None,
    data_root: Path | None,
    run: int,
    source: str | None,
) -> None:
    """LVIS AP and further metrics of TARGET: a predictions file (.json) or a checkpoint (.pth).

    Predictions may be made elsewhere: those of detectron2, mmdet, ultralytics and torchmetrics are taken as they are,
    packed with gzip or as JSON lines too. Boxes and masks may be in a file each (mmdet's .bbox.json and .segm.json).
    With --as record they can be verified and stand on a board, in a table of their own.

    Annotations in COCO's form are taken for exhaustive and evaluated by LVIS's rules.

    With --calibrate a checkpoint's scores are calibrated as well: backbone, proposals and box features are computed
    once for all. Of the last checkpoint of a finished run that leaves records, which `verify` and `leaderboard --add`
    take.
    """
    from lt_bench.data.convert.in_place import copies_named
    from lt_bench.evaluation.evidence.file import write_evidence
    from lt_bench.evaluation.inputs.reading import Reading
    from lt_bench.evaluation.metrics import check_metrics, chosen, detections_per_image, parse_metrics
    from lt_bench.evaluation.report import class_rows, results_table, write_per_class
    from lt_bench.run.folder import RunFolder

    asked, of_conversion = parse_metrics(metrics), parse_options(groups, crowds)
    kinds = _asked_kinds(box_only, mask_only)
    check_metrics(asked, kinds or ("bbox", "segm"), evaluator)
    _check_targets(targets, kinds)
    named = record_asked_for(form, name, dataset, annotations, run, source, targets, asked)
    if csv is not None and not any(metric.has_classes for metric in chosen(asked)):
        raise UserError("--csv is for AP by class, and no AP was asked for", "add ap to --metrics")
    if evidence is not None:
        if "ap" not in asked:
            raise UserError("--evidence is what AP is computed from, and no ap was asked for", "add ap to --metrics")
        if evidence.suffix != ".parquet":
            raise UserError(f"--evidence {evidence}: evidence is a Parquet file", "give a name that ends in .parquet")
    target, predicted = targets[0], out or targets[0].parent / "eval"
    calibrations = calibrations_asked_for(calibrate, targets, predicted)
    as_run = kinds is None and annotations is None and dataset is None
    inputs = dict(zip(("TARGET", "MASKS"), targets, strict=False))
    if target.suffix == ".pth":
        inputs["--config"] = config = config or RunFolder(target.parent).config
        if not config.is_file():
            raise UserError(
                f"{config}: there is no config for {target}",
                "name it with --config; predictions, which detectron2 writes into a .pth file too, are read from JSON",
            )
        inputs["the predictions in --out"] = RunFolder(predicted).predictions
        kinds = kinds_of_checkpoint(config, target, kinds)
        check_metrics(asked, kinds or ("bbox", "segm"), evaluator)  # before hours of predicting
        annotations = annotations or annotations_of(config)
    if annotations is not None and data_root is not None:
        raise UserError("--annotations and --data-root name the truth twice", "leave one of them out")
    known = known_truth(dataset, data_root) if annotations is None and dataset is not None else None
    if dataset in KNOWN:
        refuse_of_known(of_conversion)
    if known is not None:
        annotations = known.val
    if annotations is None:
        raise UserError(
            "predictions alone do not say what is true",
            "give the annotation file with --annotations, or a known data set with --dataset and --data-root",
        )
    inputs["--annotations"] = annotations
    if train_annotations is not None:
        inputs["--train-annotations"] = train_annotations
    _check_outputs(csv, evidence, inputs)
    given = annotations
    annotations, assumed = truth_in_lvis_form(annotations, train_annotations, known, of_conversion)
    for line in assumed:
        logger.warning(f"note: {line.strip()}")
    folder = None if named is None else record_folder(named, out)
    if config is not None and target.suffix == ".pth":
        targets = (predict(target, config, predicted, detections_per_image(asked) or 0, calibrations),)
    reading = Reading(image_ids, category_ids)
    started = time.perf_counter()
    with copies_named({annotations: given}):
        measured = measured_on(
            annotations,
            targets,
            kinds,
            metrics=asked,
            evaluator=evaluator,
            evidence=evidence is not None or named is not None,
            reading=reading,
        )
    seconds = time.perf_counter() - started
    for note in measured.notes:
        logger.warning(f"note: {note}")
    for warning in measured.warnings():
        logger.warning(f"warning: {warning}")
    click.echo(results_table(measured.blocks()))
    if calibrations and config is not None:
        run_folder = run_to_record(target, config, as_run, asked)
        loss = loss_of(config)
        options = {"metrics": asked, "reading": reading}
        show_calibrated(measured, calibrations, annotations, kinds, evaluator, run_folder, loss, **options)
    if csv is not None:
        write_per_class(csv, class_rows(measured.categories, measured.per_class()))
        logger.info(f"AP by class: {csv}")
    if evidence is not None and measured.evidence is not None:
        write_evidence(measured.evidence, evidence)
        logger.info(f"evidence: {evidence}, {evidence.stat().st_size / 1e6:.2f} MB")
    if named is not None and folder is not None:
        measured = replace(measured, notes=(*(line.strip() for line in assumed), *measured.notes))
        write_record(folder, named, targets, annotations, measured, evaluator, reading, seconds)


def _asked_kinds(box_only: bool, mask_only: bool) -> tuple[BoxOrMask, ...] | None:
    """None where nothing was asked for: then it is what the predictions have."""
    if box_only and mask_only:
        raise UserError("--box-only and --mask-only leave nothing", "give one of them, or none for both")
    return ("bbox",) if box_only else ("segm",) if mask_only else None


def _check_targets(targets: tuple[Path, ...], kinds: Collection[BoxOrMask] | None) -> None:
    """Raises UserError for files that are not there, or more of them than there is use for."""
    for target in targets:
        if not target.is_file():
            raise UserError(f"{target} is no file", "give a predictions file (.json) or a checkpoint (.pth)")
    if len(targets) > 1 and any(target.suffix == ".pth" for target in targets):
        raise UserError("several files were named, one of them a checkpoint", "give the checkpoint alone")
    if len(targets) > 2 or (len(targets) == 2 and kinds):
        given = f"{len(targets)} files were named" + (" for one of boxes and masks" if kinds else "")
        raise UserError(given, "give one predictions file, or one with boxes and one with masks")


def _check_outputs(csv: Path | None, evidence: Path | None, inputs: Mapping[str, Path]) -> None:
    """Raises UserError for outputs that can't be written, or that are an input or one file."""
    from lt_bench.utils.files import refuse_clashes, refuse_unwritable

    outputs = {name: path for name, path in (("--csv", csv), ("--evidence", evidence)) if path is not None}
    for path in outputs.values():
        refuse_unwritable(path)
    refuse_clashes(outputs, inputs)
