"""Logit adjustment after training (Menon et al., ICLR 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from lt_bench.api.calibration import Base, Calibration
from lt_bench.api.loss import widen


class LogitAdjustment(Calibration):
    """Takes the logarithm of each class's prior off its logit.

    With z the logits and pi the priors, background last, the scores are

        softmax(z - log(pi^tau + 1e-12))

    The paper is about image classification and knows no background. Here pi_c = C n_c / sum(n) with n the instance
    counts, against the uniform prior, and pi_bg = background_prior, 1 unless set: background is neither favoured nor
    punished against a class of average frequency. That rule is this project's; with the plain pi_c = n_c / sum(n),
    background at 1, every class of LVIS would gain 3 to 14 on background.

    logits: [N, C + 1] of a loss with softmax scores.

    The official code departs from nothing but the 1e-12, which is kept.

    Args:
        base: what is calibrated.
        tau: the strength, at least 0; 0 changes nothing.
        background_prior: pi of background, above 0.

    Raises:
        NotDefinedError: the base has no softmax scores.
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Menon et al., Long-tail Learning via Logit Adjustment, ICLR 2021, arXiv 2007.07314"
    tuned: ClassVar[str] = "tau"
    grid: ClassVar[tuple[float, ...]] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0)
    adjustment: Tensor  # float64 [C + 1], background last

    def __init__(self, base: Base, tau: float = 1.0, background_prior: float = 1.0) -> None:
        super().__init__(base)
        if not 0 <= tau < math.inf:
            raise ValueError(f"LogitAdjustment: tau is {tau}, expected a finite number of at least 0")
        if not 0 < background_prior < math.inf:
            raise ValueError(
                f"LogitAdjustment: background_prior is {background_prior}, expected a finite number above 0"
            )
        self.tau, self.background_prior = tau, background_prior
        instances = base.stats.instances()
        prior = torch.cat(
            [self.num_classes * instances / instances.sum(), torch.tensor([background_prior], dtype=torch.float64)]
        )
        self.register_buffer("adjustment", (prior**tau + 1e-12).log(), persistent=False)

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        return (logits - self.adjustment.to(logits)).softmax(dim=-1)
