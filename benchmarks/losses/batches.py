"""Batches as training sees them, for any number of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats


def make_batch(
    stats: ClassStats, num_logits: int, num_rois: int, foreground: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Logits float32 [N, K], normally distributed, and labels int64 [N], on the CPU.

    The share `foreground` of the RoIs shows an object, of a class drawn by instance count; the others are background.
    """
    logits = torch.randn(num_rois, num_logits, generator=generator)
    labels = torch.full((num_rois,), stats.num_classes)
    objects = round(foreground * num_rois)
    if objects:
        labels[:objects] = torch.multinomial(stats.instances(), objects, replacement=True, generator=generator)
    return logits, labels[torch.randperm(num_rois, generator=generator)]
