"""NorCal: normalised calibration (Pan et al., NeurIPS 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from lt_bench.api.calibration import Base, Calibration
from lt_bench.api.loss import widen

METHODS = ("gamma", "cb")
PLACES = ("exps", "probs", "logits")


class NorCal(Calibration):
    """Divides the exponential of each class's logit by a power of its image count; background keeps its own.

    With i_c the number of training images that show class c, and 1 for background, the factor is

        a_c = i_c^-gamma                           method "gamma"
        a_c = (1 - gamma) / (1 - gamma^i_c)        method "cb", the effective number of images

    and the scores of logits z, by `with_`,

        a_c exp(z_c) / (sum_j a_j exp(z_j) + exp(z_bg))      "exps"
        a_c softmax(z)_c                                     "probs"
        softmax(a z)_c                                       "logits"

    which `renorm` divides by their sum over C + 1. With "exps" and "logits" the sum is 1 already; "probs" with it is
    "exps", which is softmax(z - gamma log i_c).

    logits: [N, C + 1] of a loss with softmax scores.

    The official code has gamma 0, which changes nothing, as its default, and its authors choose gamma on training
    images; 0.6 is this project's default. Nothing else departs from it.

    Args:
        base: what is calibrated.
        gamma: the exponent, at least 0; for method "cb" in (0, 1).
        method: "gamma" or "cb".
        with_: what is calibrated, "exps", "probs" or "logits".
        renorm: whether the scores are made to sum to 1.

    Raises:
        NotDefinedError: the base has no softmax scores.
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Pan et al., On Model Calibration for Long-Tailed Object Detection, NeurIPS 2021, arXiv 2107.02170"
    tuned: ClassVar[str] = "gamma"
    grid: ClassVar[tuple[float, ...]] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    log_factor: Tensor  # float64 [C + 1], log(a), background last

    def __init__(
        self, base: Base, gamma: float = 0.6, method: str = "gamma", with_: str = "exps", renorm: bool = True
    ) -> None:
        super().__init__(base)
        if method not in METHODS:
            raise ValueError(f"NorCal: method is {method!r}, expected one of {', '.join(METHODS)}")
        if with_ not in PLACES:
            raise ValueError(f"NorCal: with_ is {with_!r}, expected one of {', '.join(PLACES)}")
        if method == "cb" and not 0 < gamma < 1:
            raise ValueError(f"NorCal: gamma is {gamma}, expected a number between 0 and 1 for method 'cb'")
        if not 0 <= gamma < math.inf:
            raise ValueError(f"NorCal: gamma is {gamma}, expected a finite number of at least 0")
        self.gamma, self.method, self.with_, self.renorm = gamma, method, with_, renorm
        images = base.stats.images()
        if method == "gamma":
            log_factor = -gamma * images.log()
        else:  # 1 - gamma^i without the loss of digits near 1
            log_factor = math.log1p(-gamma) - (-torch.expm1(images * math.log(gamma))).log()
        self.register_buffer("log_factor", torch.nn.functional.pad(log_factor, (0, 1)), persistent=False)

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        log_factor = self.log_factor.to(logits)
        if self.with_ == "logits":
            return (log_factor.exp() * logits).softmax(dim=-1)
        if self.with_ == "exps" or self.renorm:
            return (logits + log_factor).softmax(dim=-1)
        return logits.softmax(dim=-1) * log_factor.exp()
