"""The box head of a run without its shared layers: classifier, loss under test, and what makes boxes of both."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from lt_bench.detector.box_head import LongTailBBoxHead


def seed_everything(seed: int) -> None:
    """Seed what draws from a global generator: the initial weights, and losses."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def build_head(
    loss: Mapping[str, Any],
    classifier: Mapping[str, Any],
    coder: Mapping[str, Sequence[float]],
    class_agnostic: bool,
    regression: tuple[NDArray[np.float32], NDArray[np.float32]],
    seed: int,
) -> LongTailBBoxHead:
    """A head for stored features, its classifier initialised as that of a run.

    The same seed gives two losses with as many logits the same initial classifier, and both the same random numbers to
    train with, whatever they draw when they are built.

    loss: the keywords of `LossAdapter`. classifier: mmdet's config of the layer, and `prior_prob`. coder: target_means
    and target_stds of the box coder. class_agnostic: whether the classes share a RoI's box. regression: weight
    [4 * C, D], class-agnostic [4, D], and bias of the layer that gives the deltas.

    Raises what the loss raises for its hyper-parameters.
    """
    from mmdet.registry import MODELS
    from mmengine.registry import init_default_scope

    import lt_bench.detector  # noqa: F401 - registers the head

    init_default_scope("mmdet")
    weight, bias = regression
    classes, dimension = len(loss["image_count"]), weight.shape[1]
    layer = dict(classifier)
    seed_everything(seed)
    head: LongTailBBoxHead = MODELS.build(
        {
            "type": "LongTailBBoxHead",
            "in_channels": 1,  # of the shared layers, which are in the features already
            "roi_feat_size": 1,
            "fc_out_channels": dimension,
            "num_classes": classes,
            "prior_prob": layer.pop("prior_prob", None),
            "cls_predictor_cfg": layer,
            "bbox_coder": {"type": "DeltaXYWHBBoxCoder", **coder},
            "reg_class_agnostic": class_agnostic,
            "loss_cls": {"type": "LossAdapter", **loss},
        }
    )
    head.shared_fcs = torch.nn.ModuleList()
    seed_everything(seed)
    head.init_weights()
    head.fc_reg.load_state_dict({"weight": torch.from_numpy(weight.copy()), "bias": torch.from_numpy(bias.copy())})
    head.fc_reg.requires_grad_(False)
    seed_everything(seed)
    return head


def trained_parameters(head: LongTailBBoxHead) -> list[Tensor]:
    """What the optimizer changes: the classifier, and parameters that the loss has of its own."""
    return [one for part in (head.fc_cls, head.loss_cls) for one in part.parameters() if one.requires_grad]
