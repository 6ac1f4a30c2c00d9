"""Focal loss (Lin et al., ICCV 2017)."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import focal_loss


class Focal(LongTailLoss):
    """Sigmoid focal loss, equation 5 of the paper.

    With y = 1 for the label's class and 0 for the others, p = sigmoid(s), p_t = p where y = 1, else 1 - p,
    and alpha_t = alpha where y = 1, else 1 - alpha, summed over RoIs and C classes:

        FL = -alpha_t (1 - p_t)^gamma log(p_t)

    logits: [N, C]; a background RoI has y = 0 throughout. The sum is divided by max(1, number of foreground RoIs).
    Scores: sigmoid, and 0 for background, which has no channel to score it.

    The paper trains a one-stage detector and divides by the number of anchors assigned to an object; here the RoIs of
    the second stage take the anchors' place, as in mmdet.

    Args:
        stats: class statistics of the training set, for the number of classes.
        alpha: weight of a positive, in [0, 1].
        gamma: focusing exponent, at least 0.

    Raises:
        ValueError: alpha or gamma is out of range.
    """

    paper = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, arXiv 1708.02002"
    activation = "sigmoid"

    def __init__(self, stats: ClassStats, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__(stats)
        if not 0 <= alpha <= 1:
            raise ValueError(f"Focal: alpha is {alpha}, expected 0 to 1")
        if not 0 <= gamma < math.inf:
            raise ValueError(f"Focal: gamma is {gamma}, expected a finite number of at least 0")
        self.alpha = alpha
        self.gamma = gamma

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        foreground = (labels < self.num_classes).sum()
        return focal_loss(logits, labels, self.alpha, self.gamma) / foreground.clamp(min=1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))
