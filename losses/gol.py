"""Gumbel optimized loss (Alexandridis et al., ECCV 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.auto import Rules, frequency_of_frequent
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.api.seeded_draws import SeededDraws
from lt_bench.functional.drop import dropped_background
from lt_bench.functional.gumbel import LARGEST, gumbel, gumbel_cross_entropy


class GOL(SeededDraws, LongTailLoss):
    """Gumbel optimized loss: DropLoss with the Gumbel activation p(s) = exp(-exp(-s)) in place of the sigmoid.

    With y the one-hot label over C classes and w the weights of DropLoss (0 for the negatives of a tail class, one
    with image_count / num_images < lambda_, where the RoI is an object, or is background and u > rho), summed over
    RoIs and classes, divided by the number N of RoIs:

        L = sum_j w_j (-y_j log(p_j) - (1 - y_j) log(1 - p_j)),    p_j = p(s_j), s_j bounded to clamp_low .. clamp_high

    The u are drawn uniformly from [0, 1), for each RoI and class (`draw_sample`: float32 [N, C]).

    logits: [N, C]. Scores: p without the bounds, and 0 for background, which has no channel to score it.

    Where the official code departs: it takes the gradient through torch's binary_cross_entropy, which divides by
    p (1 - p) >= 1e-12. For a true class with s below -3.32 hardly anything is left of the gradient exp(-s): 0.14
    in place of 33 at -3.5. official_gradient=True reproduces it, the default is exact. The bounds of s are the
    official ones: beyond them a logit has no gradient; the authors' later code (AGLU, arXiv 2407.08567) has
    clamp_low = -10. It draws from the global generator, this one as `SeededDraws` says.

    State (in every checkpoint, changed in training mode only): seed, draw, int64 scalars.

    Args:
        stats: class statistics of the training set.
        lambda_: frequency below which a class is of the tail, a fraction of images, at least 0.
        clamp_low: lower bound of a logit, at least -80.
        clamp_high: upper bound of a logit, above clamp_low, at most 80; 15 and more are rounded in float32.
        official_gradient: whether the gradient vanishes as in the official code.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = (
        "Alexandridis et al., Long-tailed Instance Segmentation using Gumbel Optimized Loss, ECCV 2022, "
        "arXiv 2207.10936"
    )
    auto: ClassVar[Rules] = {"lambda_": frequency_of_frequent}
    official: ClassVar[Mapping[str, Any]] = {"official_gradient": True}
    tail: Tensor  # bool [C]

    def __init__(
        self,
        stats: ClassStats,
        lambda_: float = 0.0011,
        clamp_low: float = -4.0,
        clamp_high: float = 10.0,
        official_gradient: bool = False,
    ) -> None:
        super().__init__(stats)
        if not 0 <= lambda_ < math.inf:
            raise ValueError(f"GOL: lambda_ is {lambda_}, expected a finite number of at least 0")
        if not -LARGEST <= clamp_low <= LARGEST:
            raise ValueError(f"GOL: clamp_low is {clamp_low}, expected -80 to 80")
        if not clamp_low < clamp_high <= LARGEST:
            raise ValueError(
                f"GOL: clamp_high is {clamp_high}, expected above clamp_low, which is {clamp_low}, and at most 80"
            )
        self.lambda_ = lambda_
        self.clamp_low = clamp_low
        self.clamp_high = clamp_high
        self.official_gradient = official_gradient
        self.register_buffer("tail", stats.images() / stats.num_images < lambda_, persistent=False)
        self.add_draw_state()

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def draw_sample(self, labels: Tensor) -> Tensor:
        """u: float32 [N, C] on the CPU."""
        return torch.rand(len(labels), self.num_classes, generator=self.next_generator())

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        uniform = self.draw_sample(labels).to(labels.device, non_blocking=True)
        objects = (labels < self.num_classes)[:, None] & self.tail
        dropped = dropped_background(labels, self.tail, uniform) | objects
        total = gumbel_cross_entropy(logits, labels, self.clamp_low, self.clamp_high, dropped, self.official_gradient)
        return total / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(gumbel(widen(logits)), (0, 1))
