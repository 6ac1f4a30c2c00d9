"""Logit adjustment as a loss (Menon et al., ICLR 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import cross_entropy


class LogitAdjustment(LongTailLoss):
    """Logit-adjusted softmax cross-entropy: each logit is shifted by the class's log prior while training.

    Equation 10 of the paper, with prior pi, u the label (u = C is background) and N RoIs:

        L = -1/N sum over RoIs of log softmax(s + log(pi^tau + 1e-12))[u]

    logits: [N, C + 1], background last. Scores: softmax(s), without the shift.

    The paper is about image classification and has no background. The rule for it is this project's own: pi_j =
    C n_j / sum(n) with n the instance counts, which compares a class with a uniform prior, and background_prior for
    background, by default 1: background is neither favoured nor punished against an average class. With tau = 1 this
    is the Balanced Softmax of image classification (Ren et al., NeurIPS 2020), whose background counts as often as
    the mean class.

    The 1e-12 is the official code's, which departs from the paper in nothing else.

    Args:
        stats: class statistics of the training set.
        tau: exponent of the prior, at least 0; 0 gives cross-entropy.
        background_prior: pi of background, above 0.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Menon et al., Long-tail learning via logit adjustment, ICLR 2021, arXiv 2007.07314"
    activation = "softmax"
    shift: Tensor  # float64 [C + 1]

    def __init__(self, stats: ClassStats, tau: float = 1.0, background_prior: float = 1.0) -> None:
        super().__init__(stats)
        if not 0 <= tau < math.inf:
            raise ValueError(f"LogitAdjustment: tau is {tau}, expected a finite number of at least 0")
        if not 0 < background_prior < math.inf:
            raise ValueError(
                f"LogitAdjustment: background_prior is {background_prior}, expected a finite number above 0"
            )
        self.tau = tau
        self.background_prior = background_prior
        instances = stats.instances()
        log_prior = (instances / instances.mean()).log()
        log_prior = torch.cat([log_prior, log_prior.new_tensor([math.log(background_prior)])])
        # log(pi^tau + 1e-12), without the overflow of a power.
        shift = torch.logaddexp(tau * log_prior, log_prior.new_tensor(math.log(1e-12)))
        self.register_buffer("shift", shift, persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits + self.shift.to(logits), labels) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return widen(logits).softmax(dim=-1)
