"""Effective Class-Margin loss (Cho and Krähenbühl, ECCV 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import binary_cross_entropy


class ECM(LongTailLoss):
    """Effective Class-Margin loss: weighted binary cross-entropy with a margin per class, set by its counts.

    With n_c the instance counts, n_bg = fg_bg_ratio * sum(n_c), and m_c = sum over all C + 1 channels of n, minus n_c
    (the negatives), the paper's surrogate puts weights on the two sides of each channel,

        p = w+ e^s / (w+ e^s + w- e^-s),    w+ = 1 + (n / m)^(1/4),    w- = 1 + (m / n)^(1/4)

    which is exactly sigmoid(2 s + 1/4 log(n / m)), because w+ / w- = (n / m)^(1/4). The class weight follows from the
    bound of average precision (Theorem 2). Summed over RoIs and C + 1 channels, divided by the number N of RoIs:

        L = sum_c a_c log((1 + a_c) / a_c) BCE(p_c, y_c),    a_c = m_c / n_c

    logits: [N, C + 1], background last, with margin and weight like any class.
    Scores: sigmoid(s_c) (1 - sigmoid(s_bg)) for a class, sigmoid(s_bg) for background, without the margins.

    Where the official code departs: it evaluates the class weight in float32 as written, where (1 + a) / a keeps one
    or two significant bits for a class with few instances (a reaches 1e7 on LVIS v1): the weights are off by up to
    11 %. The default here is exact; float32_weights=True reproduces the official rounding. The official exponentials
    overflow for large logits, these do not. The official count file is named after images but holds instances.

    Args:
        stats: class statistics of the training set.
        fg_bg_ratio: background RoIs per foreground instance, above 0 (the default is the authors' measurement with
            Mask R-CNN).
        float32_weights: whether the class weights are rounded as in the official code.

    Raises:
        ValueError: fg_bg_ratio is out of range.
    """

    paper = "Cho and Krähenbühl, Long-tail Detection with Effective Class-Margins, ECCV 2022, arXiv 2301.09724"
    official: ClassVar[Mapping[str, Any]] = {"float32_weights": True}
    weight: Tensor  # float64 [C + 1]
    shift: Tensor  # float64 [C + 1]

    def __init__(self, stats: ClassStats, fg_bg_ratio: float = 6.3313, float32_weights: bool = False) -> None:
        super().__init__(stats)
        if not 0 < fg_bg_ratio < math.inf:
            raise ValueError(f"ECM: fg_bg_ratio is {fg_bg_ratio}, expected a finite number above 0")
        self.fg_bg_ratio = fg_bg_ratio
        self.float32_weights = float32_weights
        positives, negatives = split_counts(stats.instances(), fg_bg_ratio)
        weight = float32_weight(stats, fg_bg_ratio) if float32_weights else exact_weight(negatives / positives)
        # They follow from the class counts: no checkpoint needs them.
        self.register_buffer("weight", weight.double(), persistent=False)
        self.register_buffer("shift", (positives / negatives).log() / 4, persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss = binary_cross_entropy(logits, labels, self.weight, self.weight, scale=2.0, shift=self.shift)
        return loss / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        classes, background = logits[..., :-1], logits[..., -1:]
        return torch.cat([classes.sigmoid() * (-background).sigmoid(), background.sigmoid()], dim=-1)


def split_counts(instances: Tensor, fg_bg_ratio: float) -> tuple[Tensor, Tensor]:
    """Positives n and negatives m of each channel, background last: [C + 1] each, in the type of `instances` [C]."""
    positives = torch.cat([instances, fg_bg_ratio * instances.sum()[None]])
    return positives, positives.sum() - positives


def exact_weight(a: Tensor) -> Tensor:
    """a log((1 + a) / a) for a > 0, accurate however large a is."""
    return a * torch.log1p(1 / a)


def float32_weight(stats: ClassStats, fg_bg_ratio: float) -> Tensor:
    """The same weight with the rounding of the official code: every step in float32, and no log1p. [C + 1]"""
    positives, negatives = split_counts(stats.instances().float(), fg_bg_ratio)
    a = negatives / positives
    return a * ((1 + a) / a).log()
