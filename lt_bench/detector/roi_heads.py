"""mmdet's RoI heads, which tell the mask head the class of every RoI before it computes the mask.

What they do is left to mmdet. In training the classes are those of the ground truth, in testing those predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor, nn

from lt_bench.detector.mask_head import LongTailMaskHead


class _OwnMasks:
    """Testing of both RoI heads: the masks of the predicted classes only. Goes before mmdet's class."""

    mask_head: Any  # one, or a ModuleList of one a stage

    def predict_mask(
        self, x: tuple[Tensor, ...], batch_img_metas: Any, results_list: Any, rescale: bool = False
    ) -> Any:
        """As in mmdet: features of the levels, and InstanceData of each image with its masks."""
        heads = self.mask_head if isinstance(self.mask_head, nn.ModuleList) else [self.mask_head]
        with _selecting(heads, [result.labels for result in results_list]):
            return super().predict_mask(x, batch_img_metas, results_list, rescale)  # type: ignore[misc]


@MODELS.register_module()
class LongTailRoIHead(_OwnMasks, StandardRoIHead):
    """StandardRoIHead; of a LongTailMaskHead it asks for the masks of the RoIs' own classes only."""

    def mask_loss(
        self,
        x: tuple[Tensor, ...],
        sampling_results: list[SamplingResult],
        bbox_feats: Tensor,
        batch_gt_instances: list[InstanceData],
    ) -> dict[str, Any]:
        """As in mmdet; mask_preds is [N, 1, H, W]."""
        with _selecting([self.mask_head], [result.pos_gt_labels for result in sampling_results]):
            results: dict[str, Any] = super().mask_loss(x, sampling_results, bbox_feats, batch_gt_instances)
        return results


@MODELS.register_module()
class LongTailCascadeRoIHead(_OwnMasks, CascadeRoIHead):
    """CascadeRoIHead; of each stage's LongTailMaskHead it asks for the masks of the RoIs' own classes only."""

    def mask_loss(
        self,
        stage: int,
        x: tuple[Tensor, ...],
        sampling_results: list[SamplingResult],
        batch_gt_instances: list[InstanceData],
    ) -> dict[str, Any]:
        """As in mmdet; mask_preds is [N, 1, H, W]."""
        with _selecting([self.mask_head[stage]], [result.pos_gt_labels for result in sampling_results]):
            results: dict[str, Any] = super().mask_loss(stage, x, sampling_results, batch_gt_instances)
        return results


@contextmanager
def _selecting(heads: Iterable[nn.Module], labels: Sequence[Tensor]) -> Iterator[None]:
    """Within it, the heads that can compute one channel a RoI do. labels: int64 [n], one of each image."""
    with ExitStack() as stack:
        for head in heads:
            if isinstance(head, LongTailMaskHead):
                stack.enter_context(head.selecting(torch.cat(list(labels))))
        yield
