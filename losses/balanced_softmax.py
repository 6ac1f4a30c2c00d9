"""Balanced Softmax in its sigmoid form (Ren et al., NeurIPS 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import binary_cross_entropy


class BalancedSoftmax(LongTailLoss):
    """Balanced Softmax for detection: binary cross-entropy whose foreground RoIs carry the classes' prior odds.

    With f_j = image_count_j / num_images and y the one-hot label over C classes, summed over RoIs and classes,
    divided by the number N of RoIs:

        L = sum_j BCE(sigmoid(z_j), y_j),    z_j = s_j - log((1 - f_j) / f_j) for a foreground RoI, s_j for background

    logits: [N, C]. Scores: sigmoid(s) without the shift, and 0 for background, which has no channel to score it.

    This is the form that the authors' code uses for instance segmentation; the softmax form, which they use for image
    classification, is `logit_adjustment` with tau = 1. The meta re-weighter of the same paper (BALMS) needs a second
    data loader and second-order steps, and is no part of it.

    Where the official code departs: it leaves out the constant 1 / (k - 1) of the derivation, on purpose; kept. It
    divides by the images that have an annotation, here num_images is what the statistics say. A class that is in
    every image would be shifted by infinity: here f is at most 1 - 1 / (2 num_images).

    Args:
        stats: class statistics of the training set.
    """

    paper = "Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020, arXiv 2007.10740"
    activation = "sigmoid"
    shift: Tensor  # float64 [C], log(f / (1 - f))

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        frequency = (stats.images() / stats.num_images).clamp(max=1 - 0.5 / stats.num_images)
        self.register_buffer("shift", torch.logit(frequency), persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        foreground = (labels < self.num_classes).to(logits)[:, None]
        # Not addr, which autocast would make imprecise.
        shifted = torch.addcmul(logits, foreground, self.shift.to(logits))
        return binary_cross_entropy(shifted, labels) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))
