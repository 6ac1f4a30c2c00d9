"""What `lt_bench eval` measures: predictions, in one file or two, or a checkpoint that predicts first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.evaluation.metrics import Measured
    from lt_bench.evaluation.terms import BoxOrMask
    from lt_bench.run.calibrated import Calibrated

logger = logging.getLogger(__name__)


def kinds_of_checkpoint(
    config: Path, checkpoint: Path, asked: tuple[BoxOrMask, ...] | None
) -> tuple[BoxOrMask, ...] | None:
    """What is measured of a checkpoint: what was asked for, else what its detector predicts, None if that is unknown.

    Raises UserError for a config that is not there, and for masks of a detector without a mask head.
    """
    from mmengine.config import Config

    if not config.is_file():
        raise UserError(f"{config}: there is no config for {checkpoint}", "name it with --config")
    roi_head = Config.fromfile(str(config)).model.get("roi_head")
    if roi_head is None:
        return asked
    masks = roi_head.get("mask_head") is not None
    if not masks and asked == ("segm",):
        raise UserError(f"the detector of {config} predicts no masks", "leave out --mask-only")
    return asked or (("bbox", "segm") if masks else ("bbox",))


def measured_on(
    annotations: Path, targets: tuple[Path, ...], kinds: tuple[BoxOrMask, ...] | None, **options: Any
) -> Measured:
    """Measure what `eval` was given. kinds: None for whatever the predictions have."""
    from lt_bench.evaluation.inputs.kinds import kinds_in
    from lt_bench.evaluation.metrics import measure
    from lt_bench.evaluation.terms import PLURALS
    from lt_bench.evaluation.two_files import boxes_and_masks, measure_two

    if len(targets) == 2:
        return measure_two(annotations, *boxes_and_masks((targets[0], targets[1])), **options)
    found = kinds or kinds_in(targets[0]) or _annotated(annotations)
    if not kinds and found == ("bbox", "segm") and "segm" not in _annotated(annotations):
        logger.warning("note: no annotation has a mask: boxes alone are measured")
        found = ("bbox",)
    elif not kinds and len(found) == 1:
        other = "masks" if found == ("bbox",) else "boxes"
        logger.warning(f"note: {targets[0]} has no {other}: {PLURALS[found[0]]} alone are measured")
    return measure(annotations, targets[0], kinds=found, **options)


def _annotated(annotations: Path) -> tuple[BoxOrMask, ...]:
    """What can be measured by annotations: boxes, and masks where there are any to be found."""
    from lt_bench.data.cache import cache_folder
    from lt_bench.data.content import has_masks
    from lt_bench.data.lvis import read

    return ("bbox", "segm") if has_masks(read(annotations, cache_folder())) else ("bbox",)


def annotations_of(config: Path) -> Path:
    """Of the validation set that a config names."""
    from mmengine.config import Config

    return Path(Config.fromfile(str(config)).test_dataloader.dataset.ann_file)


def loss_of(config: Path) -> str:
    """The name of the loss that a config trains with, as far as it has one of ours."""
    from mmengine.config import Config

    heads = Config.fromfile(str(config)).model.roi_head.bbox_head
    block = (heads[-1] if isinstance(heads, list | tuple) else heads).loss_cls
    return str(block.get("loss", block.type))


def predict(
    checkpoint: Path,
    config: Path,
    out: Path,
    detections_per_image: int,
    calibrations: Sequence[Calibrated] = (),
) -> Path:
    """The predictions of a checkpoint, written to the folder `out`; with each calibration, to its own."""
    from lt_bench.run import train
    from lt_bench.run.folder import RunFolder

    train.predict(config, checkpoint, out, detections_per_image, calibrations)
    return RunFolder(out).predictions
