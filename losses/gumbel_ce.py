"""Cross-entropy with the Gumbel activation (Alexandridis et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional.gumbel import LARGEST, gumbel, gumbel_cross_entropy


class GumbelCrossEntropy(LongTailLoss):
    """Binary cross-entropy of the Gumbel activation p(s) = exp(-exp(-s)) in place of the sigmoid.

    With y the one-hot label over C + 1 channels, summed over RoIs and channels, divided by the number N of RoIs:

        L = sum_j -y_j log(p_j) - (1 - y_j) log(1 - p_j),    p_j = p(s_j), s_j bounded to clamp_low .. clamp_high

    logits: [N, C + 1], background last, a channel like any. Scores: p of every channel, without the bounds.

    Where the official code departs: it bounds L to 20 at most, where the classifier gets no gradient at all, which
    happens at the beginning; and it takes the gradient through torch's binary_cross_entropy, which divides by
    p (1 - p) >= 1e-12, so that a true class with s below -3.32 hardly gets any. official_numerics=True reproduces
    both, the default has neither. The bounds of s are the official ones; beyond them a logit has no gradient.

    Args:
        stats: class statistics of the training set, for the number of classes.
        clamp_low: lower bound of a logit, at least -80.
        clamp_high: upper bound of a logit, above clamp_low, at most 80; 15 and more are rounded in float32.
        official_numerics: whether L is bounded and gradients vanish as in the official code.

    Raises:
        ValueError: a bound is out of range.
    """

    paper = (
        "Alexandridis et al., Long-tailed Instance Segmentation using Gumbel Optimized Loss, ECCV 2022, "
        "arXiv 2207.10936"
    )
    official: ClassVar[Mapping[str, Any]] = {"official_numerics": True}

    def __init__(
        self,
        stats: ClassStats,
        clamp_low: float = -4.0,
        clamp_high: float = 10.0,
        official_numerics: bool = False,
    ) -> None:
        super().__init__(stats)
        if not -LARGEST <= clamp_low <= LARGEST:
            raise ValueError(f"GumbelCrossEntropy: clamp_low is {clamp_low}, expected -80 to 80")
        if not clamp_low < clamp_high <= LARGEST:
            raise ValueError(
                f"GumbelCrossEntropy: clamp_high is {clamp_high}, expected above clamp_low, which is {clamp_low}, "
                "and at most 80"
            )
        self.clamp_low = clamp_low
        self.clamp_high = clamp_high
        self.official_numerics = official_numerics

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        total = gumbel_cross_entropy(
            logits, labels, self.clamp_low, self.clamp_high, official_gradient=self.official_numerics
        )
        loss = total / max(len(labels), 1)
        return loss.clamp(0, 20) if self.official_numerics else loss

    def scores(self, logits: Tensor) -> Tensor:
        return gumbel(widen(logits))
