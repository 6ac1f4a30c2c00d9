"""Seesaw loss (Wang et al., CVPR 2021)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.interface import ClassStats, LongTailLoss, widen


class Seesaw(LongTailLoss):
    """Seesaw loss: softmax whose negatives are scaled by class counts and by how wrong the prediction is.

    For a foreground RoI of class i, with n_j the RoIs of class j seen so far (this batch included) and
    sigma = softmax over the C classes:

        M_ij = min(1, (n_j / n_i)^p)                    mitigation: spares classes rarer than i
        C_ij = max(1, (sigma_j / sigma_i)^q)            compensation: punishes classes that beat i
        loss_cls_classes = -log( e^s_i / (e^s_i + sum over j != i of M_ij C_ij e^s_j) )

    Every RoI adds the objectness term loss_cls_objectness, softmax cross-entropy of object against background. Both
    are sums divided by the number N of RoIs, as mmdet does in training; the loss is a dict of the two.

    logits: [N, C + 2]: C classes, then object, then background.
    Scores: softmax(classes) times the object's probability for a class, the background's probability for background.

    Where the official code departs from the formulas: sigma_i is bounded from below by eps and n by 1, and M and C
    are constants to the gradient; all are kept. It counts on each rank alone, so that ranks disagree
    and a checkpoint holds rank 0's counts: reduce_counts=False. By default the counts are summed over ranks.

    State (in every checkpoint, changed in training mode only): cum_samples, int64 [C + 1], background last; equal on
    all ranks if reduce_counts.

    p, q: exponents, at least 0; 0 switches the factor off. eps: in (0, 1]. Otherwise ValueError.
    """

    paper = "Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021, arXiv 2008.10032"
    cum_samples: Tensor

    def __init__(
        self, stats: ClassStats, p: float = 0.8, q: float = 2.0, eps: float = 1e-2, reduce_counts: bool = True
    ) -> None:
        super().__init__(stats)
        if not 0 <= p < math.inf:
            raise ValueError(f"Seesaw: p is {p}, expected a finite number of at least 0")
        if not 0 <= q < math.inf:
            raise ValueError(f"Seesaw: q is {q}, expected a finite number of at least 0")
        if not 0 < eps <= 1:
            raise ValueError(f"Seesaw: eps is {eps}, expected a number above 0, at most 1")
        self.p = p
        self.q = q
        self.eps = eps
        self.reduce_counts = reduce_counts
        self.add_state("cum_samples", torch.zeros(self.num_classes + 1, dtype=torch.int64))

    @property
    def num_logits(self) -> int:
        return self.num_classes + 2

    def forward(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if self.training:
            counts = torch.bincount(labels, minlength=self.num_classes + 1)
            self.cum_samples += self.sum_over_ranks(counts) if self.reduce_counts else counts
        foreground = labels < self.num_classes
        classes, fg_labels = logits[foreground, :-2], labels[foreground]
        classes = classes + self._log_factors(classes.detach(), fg_labels)
        divisor = max(len(labels), 1)
        return {
            "loss_cls_objectness": F.cross_entropy(logits[:, -2:], (~foreground).long(), reduction="sum") / divisor,
            "loss_cls_classes": F.cross_entropy(classes, fg_labels, reduction="sum") / divisor,
        }

    def _log_factors(self, classes: Tensor, labels: Tensor) -> Tensor:
        """log(M C) for class logits [M, C] and foreground labels [M]: [M, C].

        Sums of logarithms cannot overflow. They are 0 in the column of the label, so it needs no exception.
        """
        log_count = self.cum_samples[:-1].clamp(min=1).double().log()
        mitigation = (log_count - log_count[labels, None]).clamp(max=0).to(classes.dtype)
        log_sigma = classes.log_softmax(dim=-1)
        log_own = log_sigma.gather(1, labels[:, None]).clamp(min=math.log(self.eps))
        compensation = (log_sigma - log_own).clamp(min=0)
        return self.p * mitigation + self.q * compensation

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        classes = logits[..., :-2].softmax(dim=-1)
        objectness = logits[..., -2:].softmax(dim=-1)
        return torch.cat([classes * objectness[..., :1], objectness[..., 1:]], dim=-1)
