"""Equalization loss (Tan et al., CVPR 2020)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.auto import Rules, frequency_of_frequent
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import binary_cross_entropy


class EQL(LongTailLoss):
    """Equalization loss in its sigmoid form: rare classes ignore the negatives of other classes' objects.

    With y the one-hot label over C classes, f_j = image_count_j / num_images, E(r) = 1 for a foreground RoI r and 0
    for background, T(f) = 1 if f < lambda_ and 0 otherwise, summed over RoIs and C classes, divided by the number N
    of RoIs:

        L = sum_j w_j BCE(sigmoid(s_j), y_j),    w_j = 1 - E(r) T(f_j) (1 - y_j)

    So a rare class still learns from its own positives and from background.

    logits: [N, C]. Scores: sigmoid, and 0 for background, which has no channel to score it (the official code pads
    the same zeros).

    The official code departs from nothing in this form; the paper's softmax form (its loss for image classification)
    is not part of it. lambda_ is tied to the data set: the paper's 0.00177 is for LVIS v0.5, the default for v1.

    Args:
        stats: class statistics of the training set.
        lambda_: frequency below which a class is rare, a fraction of images, at least 0.

    Raises:
        ValueError: lambda_ is out of range.
    """

    paper = "Tan et al., Equalization Loss for Long-Tailed Object Recognition, CVPR 2020, arXiv 2003.05176"
    activation = "sigmoid"
    auto: ClassVar[Rules] = {"lambda_": frequency_of_frequent}
    rare: Tensor  # bool [C], T(f_j)

    def __init__(self, stats: ClassStats, lambda_: float = 0.0011) -> None:
        super().__init__(stats)
        if not 0 <= lambda_ < math.inf:
            raise ValueError(f"EQL: lambda_ is {lambda_}, expected a finite number of at least 0")
        self.lambda_ = lambda_
        self.register_buffer("rare", stats.images() / stats.num_images < lambda_, persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        # Background has no channel, so only the negatives of foreground RoIs are ignored.
        return binary_cross_entropy(logits, labels, ignore_negatives=self.rare) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))
