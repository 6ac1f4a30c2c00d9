"""Binary cross-entropy: the sigmoid baseline that the losses without a background channel are measured against."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import binary_cross_entropy


class BinaryCrossEntropy(LongTailLoss):
    """Binary cross-entropy over C classes, the plain sigmoid of the published tables.

    With y the one-hot label over C classes, summed over RoIs and classes, divided by the number N of RoIs:

        L = sum_j BCE(sigmoid(s_j), y_j)

    logits: [N, C]; a background RoI has y = 0 throughout. Scores: sigmoid, and 0 for background, which has no channel
    to score it. It uses no class statistics and has no hyper-parameter.

    EQL with lambda_ = 0 is the same; so is DropLoss, and Balanced Softmax of equally frequent classes up to a shift.

    Args:
        stats: class statistics of the training set, for the number of classes.
    """

    paper = "Tan et al., Equalization Loss for Long-Tailed Object Recognition, CVPR 2020, arXiv 2003.05176 (baseline)"
    activation = "sigmoid"

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return binary_cross_entropy(logits, labels) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))
