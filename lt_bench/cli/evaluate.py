"""`lt_bench eval`: AP of a predictions file or a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.cli.common import METRICS_HELP, PATH
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.evaluation.ap.average_precision import Evaluator
    from lt_bench.evaluation.terms import BoxOrMask

logger = logging.getLogger(__name__)


@click.command("eval")
@click.argument("target", type=PATH)
@click.option("--annotations", type=PATH, help="LVIS annotation JSON that the predictions are of.")
@click.option("--config", type=PATH, help="Config of a checkpoint. Default: config.py beside it.")
@click.option("--out", type=PATH, help="Folder for a checkpoint's predictions. Default: eval/ beside it.")
@click.option("--evaluator", type=click.Choice(["vernier", "lvis"]), default="vernier", show_default=True)
@click.option("--box-only", is_flag=True, help="Only boxes, for predictions without masks.")
@click.option("--metrics", default="ap", show_default=True, help=METRICS_HELP)
@click.option("--csv", type=PATH, help="File for the AP of every class.")
@click.option("--evidence", type=PATH, help="File for what AP is computed from (.parquet).")
def evaluate(
    target: Path,
    annotations: Path | None,
    config: Path | None,
    out: Path | None,
    evaluator: Evaluator,
    box_only: bool,
    metrics: str,
    csv: Path | None,
    evidence: Path | None,
) -> None:
    """LVIS AP and further metrics of TARGET: a predictions file (.json) or a checkpoint (.pth)."""
    from lt_bench.evaluation.evidence.file import write_evidence
    from lt_bench.evaluation.metrics import check_metrics, chosen, detections_per_image, measure, parse_metrics
    from lt_bench.evaluation.report import class_rows, results_table, write_per_class
    from lt_bench.run.folder import RunFolder

    asked = parse_metrics(metrics)
    kinds: tuple[BoxOrMask, ...] = ("bbox",) if box_only else ("bbox", "segm")
    check_metrics(asked, kinds, evaluator)
    if not target.is_file():
        raise UserError(f"{target} is no file", "give a predictions file (.json) or a checkpoint (.pth)")
    if csv is not None and not any(metric.has_classes for metric in chosen(asked)):
        raise UserError("--csv is for AP by class, and no AP was asked for", "add ap to --metrics")
    if evidence is not None:
        if "ap" not in asked:
            raise UserError("--evidence is what AP is computed from, and no ap was asked for", "add ap to --metrics")
        if evidence.suffix != ".parquet":
            raise UserError(f"--evidence {evidence}: evidence is a Parquet file", "give a name that ends in .parquet")
    inputs, predicted = {"TARGET": target}, out or target.parent / "eval"
    if target.suffix == ".pth":
        inputs["--config"] = config = config or RunFolder(target.parent).config
        inputs["the predictions in --out"] = RunFolder(predicted).predictions
        annotations = annotations or _annotations(config, target)
    if annotations is None:
        raise UserError("predictions alone do not say what is true", "give the annotation file with --annotations")
    _check_outputs(csv, evidence, {**inputs, "--annotations": annotations})  # before hours of predicting
    if config is not None and target.suffix == ".pth":
        target = _predict(target, config, predicted, detections_per_image(asked) or 0)
    measured = measure(annotations, target, asked, kinds, evaluator, evidence=evidence is not None)
    for warning in measured.warnings():
        logger.warning(f"warning: {warning}")
    click.echo(results_table(measured.blocks()))
    if csv is not None:
        write_per_class(csv, class_rows(measured.categories, measured.per_class()))
        logger.info(f"AP by class: {csv}")
    if evidence is not None and measured.evidence is not None:
        write_evidence(measured.evidence, evidence)
        logger.info(f"evidence: {evidence}, {evidence.stat().st_size / 1e6:.2f} MB")


def _check_outputs(csv: Path | None, evidence: Path | None, inputs: Mapping[str, Path]) -> None:
    """Raises UserError for outputs that can't be written, or that are an input or one file."""
    from lt_bench.utils.files import refuse_clashes, refuse_unwritable

    outputs = {name: path for name, path in (("--csv", csv), ("--evidence", evidence)) if path is not None}
    for path in outputs.values():
        refuse_unwritable(path)
    refuse_clashes(outputs, inputs)


def _annotations(config: Path, checkpoint: Path) -> Path:
    """Of the validation set that a config names."""
    from mmengine.config import Config

    if not config.is_file():
        raise UserError(f"{config}: there is no config for {checkpoint}", "name it with --config")
    return Path(Config.fromfile(str(config)).test_dataloader.dataset.ann_file)


def _predict(checkpoint: Path, config: Path, out: Path, detections_per_image: int) -> Path:
    from lt_bench.run.folder import RunFolder
    from lt_bench.run.train import predict

    predict(config, checkpoint, out, detections_per_image)
    return RunFolder(out).predictions
