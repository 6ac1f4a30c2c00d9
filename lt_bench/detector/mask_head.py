"""The mask head of every run: mmdet's, without the masks of classes that nobody asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmdet.models.losses import CrossEntropyLoss
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor
from torch.nn.modules.utils import _pair

from lt_bench.detector.mask_logits import selected_logits
from lt_bench.detector.mask_targets import mask_targets


@MODELS.register_module()
class LongTailMaskHead(FCNMaskHead):
    """FCNMaskHead (He et al., Mask R-CNN, ICCV 2017, section 3) that can compute one channel per RoI.

    It has FCNMaskHead's arguments, weights and checkpoints, and is FCNMaskHead to whoever doesn't call `selecting`.
    A prediction of a single channel is one where the class is chosen already, here and in FCNMaskHead with one class.
    """

    _labels: Tensor | None = None

    @contextmanager
    def selecting(self, labels: Tensor) -> Iterator[None]:
        """Within it, `forward` of the RoIs that `labels` (int64 [N]) belong to returns [N, 1, H, W]: their channels.

        A mask loss that isn't known to read the label's channel alone gets all of them, as from FCNMaskHead.
        """
        one_suffices = type(self.loss_mask) is CrossEntropyLoss and self.loss_mask.use_mask
        self._labels = labels if one_suffices else None
        try:
            yield
        finally:
            self._labels = None

    def forward(self, x: Tensor) -> Tensor:
        """RoI features [N, in_channels, h, w]: logits [N, C, H, W], within `selecting` [N, 1, H, W]."""
        if self._labels is None:
            every: Tensor = super().forward(x)
            return every
        for conv in self.convs:
            x = conv(x)
        if self.upsample is not None:
            x = self.upsample(x)
        if self.upsample_method == "deconv":
            x = self.relu(x)
        labels = torch.zeros_like(self._labels) if self.class_agnostic else self._labels
        return selected_logits(self.conv_logits, x, labels)

    def get_targets(
        self,
        sampling_results: list[SamplingResult],
        batch_gt_instances: list[InstanceData],
        rcnn_train_cfg: ConfigDict,
    ) -> Tensor:
        """As in mmdet: the positive RoIs' targets [N, H, W]."""
        masks = [instances.masks for instances in batch_gt_instances]
        if rcnn_train_cfg.get("soft_mask_target", False) or not all(isinstance(mask, BitmapMasks) for mask in masks):
            stock: Tensor = super().get_targets(sampling_results, batch_gt_instances, rcnn_train_cfg)
            return stock
        size = _pair(rcnn_train_cfg.mask_size)
        return torch.cat(
            [
                mask_targets(mask, result.pos_priors, result.pos_assigned_gt_inds, size)
                for mask, result in zip(masks, sampling_results, strict=True)
            ]
        )

    def loss_and_target(
        self,
        mask_preds: Tensor,
        sampling_results: list[SamplingResult],
        batch_gt_instances: list[InstanceData],
        rcnn_train_cfg: ConfigDict,
    ) -> dict[str, Any]:
        """As in mmdet; mask_preds may be [N, 1, H, W]."""
        if mask_preds.shape[1] > 1:
            stock: dict[str, Any] = super().loss_and_target(
                mask_preds, sampling_results, batch_gt_instances, rcnn_train_cfg
            )
            return stock
        targets = self.get_targets(sampling_results, batch_gt_instances, rcnn_train_cfg)
        only = torch.zeros(len(mask_preds), dtype=torch.int64, device=mask_preds.device)
        loss = self.loss_mask(mask_preds, targets, only) if len(mask_preds) else mask_preds.sum()
        return {"loss_mask": {"loss_mask": loss}, "mask_targets": targets}

    def _predict_by_feat_single(
        self, mask_preds: Tensor, bboxes: Tensor, labels: Tensor, *args: Any, **kwargs: Any
    ) -> Tensor:
        """As in mmdet; mask_preds may be [N, 1, H, W]."""
        only = torch.zeros_like(labels) if mask_preds.shape[1] == 1 else labels
        masks: Tensor = super()._predict_by_feat_single(mask_preds, bboxes, only, *args, **kwargs)
        return masks
