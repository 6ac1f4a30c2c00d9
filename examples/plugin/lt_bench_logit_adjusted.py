"""Logit adjustment (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021)."""

from __future__ import annotations

import math

import torch
from lt_bench import ClassStats, LongTailLoss
from torch import Tensor
from torch.nn import functional as F


class LogitAdjusted(LongTailLoss):
    """Softmax cross-entropy on logits + tau * log prior (Eq. 10), averaged over the RoIs.

    The prior of a class is its share of the training instances. Background is fg_bg_ratio times as frequent as
    all classes together; the default of 1 leaves its logit unshifted.

    tau: any finite number. fg_bg_ratio: above 0. Otherwise ValueError.
    """

    paper = "Menon et al., Long-tail learning via logit adjustment, ICLR 2021, Eq. 10"
    shift: Tensor

    def __init__(self, stats: ClassStats, tau: float = 1.0, fg_bg_ratio: float = 1.0) -> None:
        super().__init__(stats)
        if not math.isfinite(tau):
            raise ValueError(f"LogitAdjusted: tau is {tau}, expected a finite number")
        if not 0 < fg_bg_ratio < math.inf:
            raise ValueError(f"LogitAdjusted: fg_bg_ratio is {fg_bg_ratio}, expected a finite number above 0")
        foreground = stats.instances() / stats.instances().sum()
        prior = torch.cat([foreground, foreground.new_tensor([fg_bg_ratio])])
        self.register_buffer("shift", tau * prior.log(), persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        adjusted = logits + self.shift.to(logits.dtype)
        return F.cross_entropy(adjusted, labels, reduction="sum") / max(1, labels.numel())

    def scores(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)  # without the shift: that is what lifts the rare classes at test time
