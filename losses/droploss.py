"""DropLoss (Hsieh et al., AAAI 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.auto import Rules, same_number_of_images
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.api.seeded_draws import SeededDraws
from lt_bench.functional import binary_cross_entropy
from lt_bench.functional.drop import dropped_background


class DropLoss(SeededDraws, LongTailLoss):
    """DropLoss: rare classes ignore the negatives of other classes' objects, and some of those of background.

    With y the one-hot label over C classes, f_j = image_count_j / num_images, T_j = 1 (a tail class) if f_j < lambda_,
    and rho the share of RoIs of tail classes among the foreground RoIs of the batch, summed over RoIs and C classes,
    divided by the number N of RoIs:

        L = sum_j w_j BCE(sigmoid(s_j), y_j)
        w_j = 0 where T_j = 1, y_j = 0, and the RoI is an object, or is background and u_j > rho; else 1

    The u_j are drawn uniformly from [0, 1), for each RoI and class (`draw_sample`: float32 [N, C]).

    logits: [N, C]. Scores: sigmoid, and 0 for background, which has no channel to score it.

    What the official code does beside the formula, and is kept: rho is that of the rank's own batch; without an
    object in it, nothing is dropped. It draws from the global generator, this one as `SeededDraws` says. lambda_ is
    tied to the data set: 0.00177 is for LVIS v0.5; for v1 the authors' code has the default 0.0010062, the rare and
    common classes, and their config 0.00177.

    State (in every checkpoint, changed in training mode only): seed, draw, int64 scalars.

    Args:
        stats: class statistics of the training set.
        lambda_: frequency below which a class is of the tail, a fraction of images, at least 0.

    Raises:
        ValueError: lambda_ is out of range.
    """

    paper = "Hsieh et al., DropLoss for Long-Tail Instance Segmentation, AAAI 2021, arXiv 2104.06402"
    activation = "sigmoid"
    auto: ClassVar[Rules] = {"lambda_": lambda stats: same_number_of_images(0.0010062, stats)}
    tail: Tensor  # bool [C]

    def __init__(self, stats: ClassStats, lambda_: float = 0.0010062) -> None:
        super().__init__(stats)
        if not 0 <= lambda_ < math.inf:
            raise ValueError(f"DropLoss: lambda_ is {lambda_}, expected a finite number of at least 0")
        self.lambda_ = lambda_
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
        # A negative this low costs nothing and has no gradient; not -inf, whose product with 0 is not a number.
        kept = logits.masked_fill(dropped_background(labels, self.tail, uniform), -1e30)
        return binary_cross_entropy(kept, labels, ignore_negatives=self.tail) / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))
