"""LDAM loss, and its deferred re-weighting (Cao et al., NeurIPS 2019)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import LossContext, Need
from lt_bench.api.loss import LongTailLoss, widen


class LDAM(LongTailLoss):
    """Label-distribution-aware margin loss: softmax on scaled cosines, the true class less a margin.

    With n_c the instance counts and z the cosines of a normalised classifier, averaged over the N RoIs:

        L = CE(s (z - m_y e_y), y),    m_c = max_m n_c^(-1/4) / max_j n_j^(-1/4)

    With drw (deferred re-weighting, LDAM-DRW), from the share drw_from of the training on, RoIs weigh by their class's
    effective number, and the mean is the weighted one, sum w_y l / sum w_y:

        w_c = (1 - beta) / (1 - beta^n_c), scaled to a sum of C + 1

    logits: [N, C + 1], cosines (`cosine_logits`): the recipe's temperature is divided out, since s scales inside.
    Scores: softmax(s z), without the margins. The official code reports the largest logit only: scores are this
    project's. Its cosine layer has no bias; the detector's has one, divided by the temperature as the cosines are.

    The paper classifies images and has no background. Here the background's count is infinite: no margin, and the DRW
    weight 1 - beta before scaling. background_margin gives it another margin.
    The official schedule changes at epoch 160 of 200 of CIFAR: drw_from 0.8, whatever the length of the training.

    needs: "epoch" with drw, nothing otherwise.

    Args:
        stats: class statistics of the training set.
        max_m: the margin of the rarest class, at least 0.
        s: scale of the cosines, above 0.
        drw: whether RoIs are re-weighted late in training.
        beta: of the effective number, at least 0 and below 1.
        drw_from: share of the training after which they are, 0 to 1.
        background_margin: margin of background, at least 0.

    Raises:
        ValueError: a hyper-parameter is out of range, or with drw no epoch is given.
    """

    paper = (
        "Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019, "
        "arXiv 1906.07413"
    )
    needs: tuple[Need, ...] = ("epoch",)
    cosine_logits = True
    margin: Tensor  # float64 [C + 1]
    class_weight: Tensor  # float64 [C + 1]

    def __init__(
        self,
        stats: ClassStats,
        max_m: float = 0.5,
        s: float = 30.0,
        drw: bool = False,
        beta: float = 0.9999,
        drw_from: float = 0.8,
        background_margin: float = 0.0,
    ) -> None:
        super().__init__(stats)
        if not 0 <= max_m < math.inf:
            raise ValueError(f"LDAM: max_m is {max_m}, expected a finite number of at least 0")
        if not 0 < s < math.inf:
            raise ValueError(f"LDAM: s is {s}, expected a finite number above 0")
        if not 0 <= beta < 1:
            raise ValueError(f"LDAM: beta is {beta}, expected a number of at least 0, below 1")
        if not 0 <= drw_from <= 1:
            raise ValueError(f"LDAM: drw_from is {drw_from}, expected a share between 0 and 1")
        if not 0 <= background_margin < math.inf:
            raise ValueError(f"LDAM: background_margin is {background_margin}, expected a finite number of at least 0")
        self.s = s
        self.drw = drw
        self.drw_from = drw_from
        self.needs = ("epoch",) if drw else ()
        instances = stats.instances()
        margin = max_m * (instances.min() / instances) ** 0.25
        # beta^n without cancellation for beta close to 1; beta = 0 gives log 0 and the weight 1.
        weight = (1 - beta) / -torch.expm1(instances * torch.tensor(beta, dtype=torch.float64).log())
        weight = F.pad(weight, (0, 1), value=1 - beta)
        self.register_buffer("margin", F.pad(margin, (0, 1), value=background_margin), persistent=False)
        self.register_buffer("class_weight", weight / weight.sum() * len(weight), persistent=False)

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor, context: LossContext | None = None) -> Tensor:
        target = labels[:, None]
        shifted = logits.scatter_add(1, target, -self.margin.to(logits)[target])
        losses = F.cross_entropy(self.s * shifted, labels, reduction="none")
        if not (self.drw and context is not None and context.epoch is not None):
            return losses.sum() / max(len(labels), 1)
        if context.epoch.share < self.drw_from:
            return losses.sum() / max(len(labels), 1)
        weight = self.class_weight.to(losses)[labels]
        # Without RoIs the sum of the weights is 0.
        return (weight * losses).sum() / (weight.sum() if len(labels) else 1)

    def scores(self, logits: Tensor) -> Tensor:
        return (self.s * widen(logits)).softmax(dim=-1)
