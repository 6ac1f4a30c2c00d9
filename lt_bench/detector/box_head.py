"""The box head of every run: mmdet's two shared fully connected layers, with the loss under test."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class LongTailBBoxHead(Shared2FCBBoxHead):
    """Shared2FCBBoxHead that calls its loss for every batch, also for one without RoIs.

    mmdet skips the loss when a rank has no RoI; a loss that sums its state over all ranks would then wait for
    that rank for ever.

    prior_prob: initial foreground probability of a sigmoid classifier, set through its bias (Lin et al., Focal
    Loss, ICCV 2017, section 4.1: b = -log((1 - pi) / pi)); None leaves the bias at zero.
    """

    def __init__(self, *args: Any, prior_prob: float | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if prior_prob is not None and not 0.0 < prior_prob < 1.0:
            raise ValueError(f"prior_prob is {prior_prob}, expected a probability between 0 and 1")
        self.prior_prob = prior_prob

    def init_weights(self) -> None:
        super().init_weights()
        if self.prior_prob is not None:
            torch.nn.init.constant_(self.fc_cls.bias, -math.log((1 - self.prior_prob) / self.prior_prob))

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """As in mmdet: cls_score [N, K], labels [N] (background = num_classes); a dict of scalar losses."""
        losses: dict[str, Tensor] = super().loss(
            None, bbox_pred, rois, labels, label_weights, bbox_targets, bbox_weights, reduction_override
        )
        losses.update(self.loss_cls(cls_score, labels, label_weights, reduction_override=reduction_override))
        losses.update(self.loss_cls.get_accuracy(cls_score, labels))
        return losses
