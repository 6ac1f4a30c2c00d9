"""`lt_bench features`: store the RoI features of a trained detector."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.cli.common import PATH, FiniteRange, sigterm_is_ctrl_c, verbose
from lt_bench.cli.own_data import DATASETS_HELP, data_paths, own_data
from lt_bench.errors import UserError
from lt_bench.utils import memory

if TYPE_CHECKING:
    from lt_bench.data.convert.options import Crowds
    from lt_bench.data.lvis import DataPaths
    from lt_bench.features.layout import Precision
    from lt_bench.features.source import DetectorSource

logger = logging.getLogger(__name__)

ASK_FROM = 10e9  # bytes


@click.command()
@click.argument("detector_of", metavar="RUN|CHECKPOINT", type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder of the features.")
@click.option("--rois", type=click.IntRange(min=1), default=64, show_default=True, help="At most, per training image.")
@click.option("--epochs-of-boxes", type=click.IntRange(min=1), default=1, show_default=True, help="Training passes.")
@click.option("--proposals", type=click.IntRange(min=1), help="Per validation image. Default: the config's.")
@click.option("--precision", type=click.Choice(["float16", "float32"]), default="float16", show_default=True)
@click.option("--held-out", type=FiniteRange(0, 1, max_open=True), default=0.1, show_default=True,
              help="Share of the training images that is passed like validation images, too.")  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of augmentation and RoIs."
)
@click.option("--dataset", help=f"Of a stock checkpoint: {DATASETS_HELP} Default: lvis_v1 if found.")
@click.option("--data-root", type=PATH, help="Folder of that data set. Default: $LT_BENCH_DATA, ./data.")
@own_data()
@click.option("--backbone", help="Of a stock checkpoint. Default: r50.")
@click.option("--detector", help="Of a stock checkpoint. Default: mask_rcnn.")
@click.option("--yes", is_flag=True, help=f"Do not ask before more than {ASK_FROM / 1e9:.0f} GB are written.")
@verbose
@sigterm_is_ctrl_c()
def features(
    detector_of: Path,
    out: Path,
    rois: int,
    epochs_of_boxes: int,
    proposals: int | None,
    precision: Precision,
    held_out: float,
    seed: int,
    dataset: str | None,
    data_root: Path | None,
    train_annotations: Path | None,
    val_annotations: Path | None,
    images: Path | None,
    dataset_name: str | None,
    groups: str | None,
    crowds: Crowds | None,
    backbone: str | None,
    detector: str | None,
    yes: bool,
) -> None:
    """Store the RoI features of a trained detector, on which `probe` trains classifiers in minutes.

    The detector is that of a finished RUN (its folder), or a stock CHECKPOINT of mmdet, a Mask R-CNN or Faster R-CNN,
    of which --dataset, --backbone and --detector say what it is. It passes the training images with their augmentation,
    then the validation images. How much is written is said before anything is computed. An interrupted pass goes on
    where it stopped when the same command is given again.
    """
    from lt_bench.features.coverage import sentences
    from lt_bench.features.pipeline import make_features
    from lt_bench.features.plan import Settings, make_plan
    from lt_bench.features.size import GB
    from lt_bench.features.source import of_run
    from lt_bench.features.store import MANIFEST_FILE, PROGRESS_FILE

    if any((detector_of / name).is_file() for name in (MANIFEST_FILE, PROGRESS_FILE)):
        raise UserError(
            f"{detector_of} holds features, not a detector", "give the folder of a finished run, or a checkpoint (.pth)"
        )
    if detector_of.is_dir():
        given = {
            **{"--dataset": dataset, "--data-root": data_root, "--backbone": backbone, "--detector": detector},
            **{"--train-annotations": train_annotations, "--val-annotations": val_annotations},
            **{"--images": images, "--dataset-name": dataset_name, "--groups": groups, "--crowds": crowds},
        }
        if named := [option for option, value in given.items() if value is not None]:
            raise UserError(f"{', '.join(named)}: the run in {detector_of} says what it is", "leave that out")
        source = of_run(detector_of)
    elif detector_of.is_file():
        paths = data_paths(dataset, data_root, train_annotations, val_annotations, images, dataset_name, groups, crowds)
        source = _stock(detector_of, paths, backbone or "r50", detector or "mask_rcnn")
    else:
        raise UserError(f"{detector_of} does not exist", "give the folder of a finished run, or a checkpoint (.pth)")
    if proposals is not None:
        source.cfg.model.test_cfg.rpn.max_per_img = proposals
    plan = make_plan(source, Settings(rois, epochs_of_boxes, precision, held_out, seed))
    if plan.num_bytes() > ASK_FROM and not yes and not (out / MANIFEST_FILE).is_file():
        size = f"up to {plan.num_bytes() / GB:.1f} GB will be written to {out}"
        if not sys.stdin.isatty():
            raise UserError(size, "say that this is fine with --yes")
        click.confirm(f"{size}; go on?", abort=True)
    with memory.explained("Give a device with more memory, or one that is free; the same command goes on from there."):
        made = make_features(plan, out)
    for line in sentences(made):
        click.echo(line)


def _stock(path: Path, paths: DataPaths, backbone: str, detector: str) -> DetectorSource:
    from lt_bench.data import dataset as datasets
    from lt_bench.features.source import of_checkpoint
    from lt_bench.run.experiment import kinds_of

    masks = "segm" in kinds_of(detector) and all(datasets.have_masks(paths))  # no feature depends on them
    return of_checkpoint(path, datasets.load(paths, masks), backbone, detector)
