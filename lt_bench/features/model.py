"""The detector whose features are stored: built from a config, with all weights of a checkpoint or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.errors import UserError
from lt_bench.features.manifest import Head
from lt_bench.utils.weights_only import UNREADABLE, weights_only

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config
    from torch import Tensor, nn

# A stock checkpoint's classifier is trained anew: it may be missing or have another shape.
CLASSIFIER = ("roi_head.bbox_head.fc_cls.", "roi_head.bbox_head.loss_cls.")
_SHOWN = 12  # keys that a message lists
_HEAD_REMEDY = "features are those of mmdet's Mask R-CNN or Faster R-CNN with shared fully connected layers"


def build(cfg: Config, checkpoint: Path, any_classifier: bool, device: torch.device | None = None) -> nn.Module:
    """The model in eval mode. device: None for the one that a run would use.

    any_classifier: do without the classifier's weights, where the checkpoint lacks them or has others.
    Raises UserError for a checkpoint that can't be loaded or is of another model, with the keys that are at fault.
    """
    import torch
    from mmdet.registry import MODELS

    from lt_bench.operators import in_use

    use_mmdet()
    settings = cfg.model.copy()
    settings.backbone.init_cfg = None
    model: nn.Module = MODELS.build(settings)
    weights, wrong = matching(read_weights(checkpoint), model.state_dict(), CLASSIFIER if any_classifier else ())
    if wrong:
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        listed = "".join(f"\n  {line}" for line in wrong[:_SHOWN])
        raise UserError(
            f"{checkpoint} is of another model; {len(wrong)} weights do not fit:{listed}{more}",
            "for a stock checkpoint, name its --dataset, --backbone and --detector",
        )
    model.load_state_dict(weights, strict=False)
    model.eval().requires_grad_(False)
    device = device or choose_device()
    if device.type == "cpu" and in_use().reads_channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.to(device)


def use_mmdet() -> None:
    """Have mmdet's modules and those of lt_bench found by their names, as a run does."""
    from mmengine.registry import init_default_scope

    import lt_bench.detector  # noqa: F401 - registers its modules

    init_default_scope("mmdet")


def choose_device() -> torch.device:
    """A GPU where there is one, as in a run."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def read_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint. Raises UserError when there is none."""
    from mmengine.runner import CheckpointLoader

    try:
        with weights_only():
            content: Any = CheckpointLoader.load_checkpoint(str(checkpoint), "cpu", logger="silent")
        weights = content.get("state_dict", content)
        return {str(key): value for key, value in weights.items() if hasattr(value, "shape")}
    except UNREADABLE as error:
        raise UserError(f"{checkpoint} can't be loaded: {error}", "is it a checkpoint of mmdet?") from error


def matching(
    given: Mapping[str, Tensor], expected: Mapping[str, Tensor], free: tuple[str, ...]
) -> tuple[dict[str, Tensor], list[str]]:
    """The weights that fit, and a line for each that does not, by key. free: beginnings of keys that need not fit."""
    wrong = []
    for key in sorted({*given, *expected}):
        if key.startswith(free):
            continue
        if key not in given:
            wrong.append(f"missing: {key}")
        elif key not in expected:
            wrong.append(f"unexpected: {key}")
        elif given[key].shape != expected[key].shape:
            wrong.append(f"{key}: {tuple(given[key].shape)} instead of {tuple(expected[key].shape)}")
    fitting = {key: value for key, value in given.items() if key in expected and value.shape == expected[key].shape}
    return fitting, wrong


def head_of(cfg: Config) -> Head:
    """What the config says of the box head. Raises UserError for one whose features can't be stored."""
    roi_head, train = cfg.model.roi_head, cfg.model.train_cfg.rcnn
    head = roi_head.bbox_head
    if isinstance(head, list | tuple):
        raise UserError("a cascade has a box head for each stage", _HEAD_REMEDY)
    coder, sampler = head.bbox_coder, train.sampler
    if not head.type.endswith(("LongTailBBoxHead", "Shared2FCBBoxHead")) or roi_head.get("shared_head"):
        raise UserError(f"the box head is a {head.type}", _HEAD_REMEDY)
    if coder.type != "DeltaXYWHBBoxCoder" or sampler.type != "RandomSampler":
        raise UserError(f"the box head uses {coder.type} and {sampler.type}", f"{_HEAD_REMEDY} and a RandomSampler")
    return Head(
        rois_per_image=sampler.num,
        pos_fraction=sampler.pos_fraction,
        neg_pos_ub=sampler.get("neg_pos_ub", -1),
        add_gt_as_proposals=sampler.get("add_gt_as_proposals", True),
        box_means=tuple(coder.target_means),
        box_stds=tuple(coder.target_stds),
        class_agnostic=bool(head.get("reg_class_agnostic", False)),
        proposals=cfg.model.test_cfg.rpn.max_per_img,
        rcnn=cfg.model.test_cfg.rcnn.to_dict(),
    )
