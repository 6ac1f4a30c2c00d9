"""Softmax cross-entropy: the baseline every other loss is measured against."""

from __future__ import annotations

from torch import Tensor

from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import cross_entropy


class CrossEntropy(LongTailLoss):
    """Softmax cross-entropy over C classes and background (the classification term of Fast R-CNN's multi-task loss).

    With s the logits of a RoI and u its label (u = C is background), sum over RoIs divided by their number N:

        L = -log softmax(s)[u]

    logits: [N, C + 1]. Scores: softmax. It uses no class statistics and has no hyper-parameter.

    Args:
        stats: class statistics of the training set, for the number of classes.
    """

    paper = "Girshick, Fast R-CNN, ICCV 2015, arXiv 1504.08083"
    activation = "softmax"

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits, labels) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return widen(logits).softmax(dim=-1)
