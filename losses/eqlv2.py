"""Equalization loss v2 (Tan et al., CVPR 2021)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import binary_cross_entropy, sigmoid_gradient_sums


class EQLv2(LongTailLoss):
    """Equalization loss v2: weights that balance each class's accumulated positive and negative gradients.

    With g_j the accumulated gradient of class j's positives divided by that of its negatives, and
    f(x) = 1 / (1 + exp(-gamma (x - mu))), positives of class j weigh q_j and its negatives r_j:

        q_j = 1 + alpha (1 - f(g_j)),    r_j = f(g_j)
        L = sum_j (y_j q_j + (1 - y_j) r_j) BCE(sigmoid(s_j), y_j)

    summed over RoIs and C + 1 channels, divided by the number N of RoIs. Each call uses the gradients of the calls
    before it, then adds its own, |sigmoid(s) - y| with the weight applied, summed over all RoIs of all ranks.

    logits: [N, C + 1]; the last channel is the category-agnostic background classifier, always with weight 1.
    Scores: sigmoid(s_j) (1 - sigmoid(s_bg)) for a class, sigmoid(s_bg) for background.

    Where the official code departs from the paper: it adds 1e-10 to the negatives' gradient, and its gradients are
    sums over RoIs where the paper's are means, so that a batch counts by its number of RoIs; both are kept. It holds
    the gradients in plain attributes, which no checkpoint contains, and reduces them unconditionally, which needs a
    process group; here they are buffers, and a single process needs none. Weights are 1 for a class as long as
    nothing was collected for it; in the official code this holds for the very first call only, which is the same
    unless that batch was empty.

    State (in every checkpoint, equal on all ranks, changed in training mode only): pos_grad, neg_grad, float64 [C].

    Args:
        stats: class statistics of the training set, for the number of classes.
        gamma: slope of f, at least 0.
        mu: centre of f, any finite ratio.
        alpha: gain of positives, at least 0.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = (
        "Tan et al., Equalization Loss v2: A New Gradient Balance Approach for Long-tailed Object Detection, "
        "CVPR 2021, arXiv 2012.08548"
    )
    pos_grad: Tensor
    neg_grad: Tensor

    def __init__(self, stats: ClassStats, gamma: float = 12.0, mu: float = 0.8, alpha: float = 4.0) -> None:
        super().__init__(stats)
        if not 0 <= gamma < math.inf:
            raise ValueError(f"EQLv2: gamma is {gamma}, expected a finite number of at least 0")
        if not math.isfinite(mu):
            raise ValueError(f"EQLv2: mu is {mu}, expected a finite number")
        if not 0 <= alpha < math.inf:
            raise ValueError(f"EQLv2: alpha is {alpha}, expected a finite number of at least 0")
        self.gamma = gamma
        self.mu = mu
        self.alpha = alpha
        self.add_state("pos_grad", torch.zeros(self.num_classes, dtype=torch.float64))
        self.add_state("neg_grad", torch.zeros(self.num_classes, dtype=torch.float64))

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        positive, negative = self.weights()
        if self.training:
            self._collect(logits, labels, positive, negative)
        return binary_cross_entropy(logits, labels, negative, positive) / max(len(labels), 1)

    def weights(self) -> tuple[Tensor, Tensor]:
        """The weights of positives (q) and of negatives (r) that the next call will use: float64 [C + 1] each."""
        ratio = self.pos_grad / (self.neg_grad + 1e-10)
        mapped = torch.sigmoid(self.gamma * (ratio - self.mu))
        unseen = self.pos_grad + self.neg_grad == 0
        negative = F.pad(mapped.masked_fill(unseen, 1), (0, 1), value=1)
        return 1 + self.alpha * (1 - negative), negative

    def _collect(self, logits: Tensor, labels: Tensor, positive: Tensor, negative: Tensor) -> None:
        gradients = torch.stack(sigmoid_gradient_sums(logits, labels)) * torch.stack([positive, negative])
        # One collective for both, called by every rank whatever its batch holds. Background is left out.
        gradients = self.sum_over_ranks(gradients[:, :-1].contiguous())
        self.pos_grad += gradients[0]
        self.neg_grad += gradients[1]

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        classes, background = logits[..., :-1], logits[..., -1:]
        return torch.cat([classes.sigmoid() * (-background).sigmoid(), background.sigmoid()], dim=-1)
