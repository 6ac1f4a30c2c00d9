"""mmdet's RoI heads, which tell the mask head the class of every RoI before it computes the mask.

What they do is left to mmdet. In training the classes are those of the ground truth, in testing those predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmdet.models.roi_heads import CascadeRoIHead, StandardRoIHead
from mmdet.registry import MODELS
from torch import Tensor, nn

from lt_bench.detector.mask_head import LongTailMaskHead


class _SelectedMasks:
    """Asks each LongTailMaskHead for one mask per RoI, that of its class. Goes before mmdet's class."""

    mask_head: Any  # one, or a ModuleList of one per stage

    def mask_loss(self, *args: Any) -> dict[str, Any]:
        """As in mmdet, whose arguments differ by the RoI head; mask_preds is [N, 1, H, W]."""
        head, sampled = self.mask_head, args[1]
        if isinstance(head, nn.ModuleList):  # a cascade is given the stage first
            head, sampled = head[args[0]], args[2]
        with _selecting([head], [result.pos_gt_labels for result in sampled]):
            results: dict[str, Any] = super().mask_loss(*args)  # type: ignore[misc]
        return results

    def predict_mask(
        self, x: tuple[Tensor, ...], batch_img_metas: Any, results_list: Any, rescale: bool = False
    ) -> Any:
        """As in mmdet: features of the levels, and InstanceData per image with its masks."""
        heads = self.mask_head if isinstance(self.mask_head, nn.ModuleList) else [self.mask_head]
        with _selecting(heads, [result.labels for result in results_list]):
            return super().predict_mask(x, batch_img_metas, results_list, rescale)  # type: ignore[misc]


@MODELS.register_module()
class LongTailRoIHead(_SelectedMasks, StandardRoIHead):
    """StandardRoIHead that computes the masks of the RoIs' own classes only."""


@MODELS.register_module()
class LongTailCascadeRoIHead(_SelectedMasks, CascadeRoIHead):
    """CascadeRoIHead that computes, in each stage, the masks of the RoIs' own classes only."""


@contextmanager
def _selecting(heads: Iterable[nn.Module], labels: Sequence[Tensor]) -> Iterator[None]:
    """Within it, the heads that can compute one channel per RoI do. labels: int64 [n] per image."""
    with ExitStack() as stack:
        for head in heads:
            if isinstance(head, LongTailMaskHead):
                stack.enter_context(head.selecting(torch.cat(list(labels))))
        yield
