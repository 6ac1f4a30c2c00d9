"""Tau-normalisation of the classifier (Kang et al., ICLR 2020)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from lt_bench.api.calibration import Base, Calibration
from lt_bench.api.loss import Activation, plain_scores


class TauNorm(Calibration):
    """Divides the classifier's weights of each class by a power of their norm.

        w_c <- w_c / |w_c|^tau

    and the scores are the base's own, of the logits that follow. The weights of frequent classes are longer, which is
    what is taken back; tau 0 changes no weight, tau 1 gives all the same norm.

    logits: [N, C + 1] of a loss with softmax scores or [N, C] of one with sigmoid scores, of a linear classifier: one
    that normalises its weights itself (NormedLinear, as in the recipe `common`) is not changed by it.

    The official code is for image classification, normalises every row and drops the bias: keep_background=False,
    keep_bias=False. By default background's row and the bias stay as they are, as in Li et al.'s code for LVIS
    (Balanced Group Softmax, arXiv 2006.10408). No tau is published as the default; 0.7 is this project's.

    Args:
        base: what is calibrated.
        tau: the exponent, at least 0.
        keep_background: whether the row of background is left as it is; a sigmoid base has none.
        keep_bias: whether the bias stays.

    Raises:
        NotDefinedError: the base's scores are neither softmax nor sigmoid.
        ValueError: tau is out of range.
    """

    paper = "Kang et al., Decoupling Representation and Classifier, ICLR 2020, arXiv 1910.09217"
    bases: ClassVar[tuple[Activation, ...]] = ("softmax", "sigmoid")
    changes_classifier: ClassVar[bool] = True
    tuned: ClassVar[str] = "tau"
    grid: ClassVar[tuple[float, ...]] = tuple(round(0.1 * step, 1) for step in range(21))  # the official search

    def __init__(self, base: Base, tau: float = 0.7, keep_background: bool = True, keep_bias: bool = True) -> None:
        super().__init__(base)
        if not 0 <= tau < math.inf:
            raise ValueError(f"TauNorm: tau is {tau}, expected a finite number of at least 0")
        self.tau, self.keep_background, self.keep_bias = tau, keep_background, keep_bias

    def classifier(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        norm = weight.norm(dim=1, keepdim=True)
        factor = torch.where(norm > 0, norm, torch.ones_like(norm)) ** -self.tau
        if self.keep_background:
            factor[self.num_classes :] = 1
        return weight * factor, bias if self.keep_bias else None

    def scores(self, logits: Tensor) -> Tensor:
        return plain_scores(logits, self.activation)
