"""Class-balanced loss by the effective number of samples (Cui et al., CVPR 2019)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional.targets import one_hot, softplus


class ClassBalanced(LongTailLoss):
    """Class-balanced loss: a RoI weighs as the inverse effective number of samples of its label.

    With n the instance counts, u the label of a RoI (u = C is background) and y its one-hot label over C + 1 channels,

        w_j = (1 - beta) / (1 - beta^n_j), scaled so that the C + 1 weights sum to C + 1
        L = 1/N sum over RoIs of w_u l,    l = -log softmax(s)[u]                            kind softmax
                                           l = sum_j BCE(sigmoid(s_j), y_j)                  kind sigmoid
                                           l = sum_j (1 - p_j)^gamma BCE(sigmoid(s_j), y_j)  kind focal

    with p_j the probability of the right answer of channel j. The divisor is N, not the sum of the weights.

    logits: [N, C + 1], background last. Scores: softmax for kind softmax, else the sigmoid of every channel.

    The paper is about image classification and has no background. The rule for it is this project's own: a class like
    any with fg_bg_ratio times as many samples as all classes together. With beta as it is here, the ratio moves the
    loss only where the data has few instances, because beta^n is 0 long before.

    Where the official code departs: beta is 0 there by default, which is no weighting; 0.9999 is the paper's largest.
    Its focal form has no alpha, and evaluates the modulation by an exponential that overflows; this one does not.

    Args:
        stats: class statistics of the training set.
        kind: softmax, sigmoid or focal.
        beta: in [0, 1); 0 gives weights of 1.
        gamma: focusing exponent of kind focal, at least 0.
        fg_bg_ratio: background samples per foreground instance, above 0 (the default is that of ECM's authors).

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, arXiv 1901.05555"
    weight: Tensor  # float64 [C + 1]

    def __init__(
        self,
        stats: ClassStats,
        kind: str = "softmax",
        beta: float = 0.9999,
        gamma: float = 1.0,
        fg_bg_ratio: float = 6.3313,
    ) -> None:
        super().__init__(stats)
        if kind not in ("softmax", "sigmoid", "focal"):
            raise ValueError(f"ClassBalanced: kind is {kind!r}, expected softmax, sigmoid or focal")
        if not 0 <= beta < 1:
            raise ValueError(f"ClassBalanced: beta is {beta}, expected at least 0 and less than 1")
        if not 0 <= gamma < math.inf:
            raise ValueError(f"ClassBalanced: gamma is {gamma}, expected a finite number of at least 0")
        if not 0 < fg_bg_ratio < math.inf:
            raise ValueError(f"ClassBalanced: fg_bg_ratio is {fg_bg_ratio}, expected a finite number above 0")
        self.kind = kind
        self.beta = beta
        self.gamma = gamma
        self.fg_bg_ratio = fg_bg_ratio
        self.activation = "softmax" if kind == "softmax" else None
        instances = stats.instances()
        background = (fg_bg_ratio * instances.sum()).round().clamp(min=1)[None]
        log_beta = math.log(beta) if beta else -math.inf
        # 1 - beta^n; expm1 keeps the digits of a beta near 1. The factor 1 - beta is lost in the scaling.
        weight = -1 / torch.expm1(torch.cat([instances, background]) * log_beta)
        self.register_buffer("weight", weight / weight.mean(), persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        weight = self.weight.to(logits)
        if self.kind == "softmax":
            # Not the mean of torch, which divides by the sum of the weights.
            total = F.cross_entropy(logits, labels, weight, reduction="sum")
        else:
            target = one_hot(logits, labels)
            z = torch.where(target, -logits, logits)  # log(p) = -softplus(z), log(1 - p) = logsigmoid(z)
            loss = softplus(z)
            if self.kind == "focal":
                loss = loss * (self.gamma * F.logsigmoid(z)).exp()
            total = (loss.sum(dim=1) * weight[labels]).sum()
        return total / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        return logits.softmax(dim=-1) if self.kind == "softmax" else logits.sigmoid()
