"""Box heads of any number of classes, and inputs for them."""

from __future__ import annotations

from typing import Any

import torch
from mmdet.registry import MODELS
from nms_cases import IMAGE, make_boxes
from torch import Tensor

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.detector.box_head import LongTailBBoxHead


def make_head(num_classes: int, class_agnostic: bool, loss: str = "ce", **coder: Any) -> LongTailBBoxHead:
    counts = list(range(1, num_classes + 1))
    head: LongTailBBoxHead = MODELS.build(
        {
            "type": "LongTailBBoxHead",
            "in_channels": 4,
            "fc_out_channels": 8,
            "roi_feat_size": 1,
            "num_classes": num_classes,
            "reg_class_agnostic": class_agnostic,
            "bbox_coder": {
                "type": "DeltaXYWHBBoxCoder",
                "target_means": [0.0] * 4,
                "target_stds": [0.1, 0.1, 0.2, 0.2],
                **coder,
            },
            "loss_cls": {
                "type": "LossAdapter",
                "loss": loss,
                "image_count": counts,
                "instance_count": counts,
                "num_images": num_classes,
            },
        }
    )
    return head


def make_inputs(
    head: LongTailBBoxHead, count: int, generator: torch.Generator, spread: float = 3.0
) -> tuple[Tensor, Tensor, Tensor]:
    """RoIs [count, 5], logits [count, K] and deltas [count, C * 4 or 4]."""
    height, width = IMAGE
    boxes = make_boxes("random", count, generator)
    rois = torch.cat([torch.zeros(count, 1), boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)], 1)
    rois = rois[:, [0, 1, 3, 2, 4]]
    logits = torch.randn(count, head.loss_cls.loss.num_logits, generator=generator) * spread
    deltas = torch.randn(count, 4 if head.reg_class_agnostic else 4 * head.num_classes, generator=generator) * spread
    return rois, logits, deltas
