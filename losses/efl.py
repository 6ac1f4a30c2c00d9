"""Equalized focal loss (Li et al., CVPR 2022)."""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen


class EFL(LongTailLoss):
    """Equalized focal loss: the focal loss with a focusing factor for each class, larger where negatives prevail.

    With y the one-hot label over C classes, p = sigmoid(s), p_t = p where y = 1 and 1 - p where y = 0, alpha_t likewise
    of focal_alpha, and r_j the accumulated gradient of the positives of class j over that of its negatives, in 0..1:

        gamma_j = focal_gamma + scale_factor (1 - r_j)
        L = sum_j alpha_t (gamma_j / focal_gamma) (1 - p_t)^gamma_j (-log p_t)

    summed over RoIs and classes, divided by the normalizer. Each call uses the gradients of the calls before it, then
    adds its own, |dL/ds|, in closed form. r = 1 at the first call, which makes that the focal loss.

    logits: [N, C]. Scores: sigmoid, and 0 for background, which has no channel.

    Where the official code departs: it takes the logarithm of a float32 probability, so that a background logit of
    about 17 gives an infinite loss and a gradient that is not finite: float32_probability=True reproduces that, the
    default does not. It was made for one-stage detectors; there the sum is divided by the positives, averaged over
    the GPUs. For RoIs that rule is this project's: normalize_by "foreground" (the foreground RoIs of all ranks, at
    least 1, divided by the number of ranks) or "rois" (the rank's own N). The official code collects gradients by a
    hook after the backward pass, from the rank's own loss; here they are those of the gradient averaged over ranks, so
    that the state does not depend on how many ranks share a batch. r changes by nothing but the 1e-10 under its
    fraction.

    State (in every checkpoint, equal on all ranks, changed in training mode only): pos_grad, neg_grad float64 [C];
    seen, int64 scalar, the RoIs so far.

    Args:
        stats: class statistics of the training set, for the number of classes.
        focal_gamma: gamma of a balanced class, above 0.
        focal_alpha: weight of the positives, 0 to 1.
        scale_factor: how far gamma rises, at least 0.
        normalize_by: what the sum is divided by, "foreground" or "rois".
        float32_probability: whether the loss is computed from probabilities, as officially.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Li et al., Equalized Focal Loss for Dense Long-Tailed Object Detection, CVPR 2022, arXiv 2201.02593"
    activation = "sigmoid"
    pos_grad: Tensor
    neg_grad: Tensor
    seen: Tensor

    def __init__(
        self,
        stats: ClassStats,
        focal_gamma: float = 2.0,
        focal_alpha: float = 0.25,
        scale_factor: float = 8.0,
        normalize_by: str = "foreground",
        float32_probability: bool = False,
    ) -> None:
        super().__init__(stats)
        if not 0 < focal_gamma < math.inf:
            raise ValueError(f"EFL: focal_gamma is {focal_gamma}, expected a finite number above 0")
        if not 0 <= focal_alpha <= 1:
            raise ValueError(f"EFL: focal_alpha is {focal_alpha}, expected a number between 0 and 1")
        if not 0 <= scale_factor < math.inf:
            raise ValueError(f"EFL: scale_factor is {scale_factor}, expected a finite number of at least 0")
        if normalize_by not in ("foreground", "rois"):
            raise ValueError(f"EFL: normalize_by is {normalize_by!r}, expected 'foreground' or 'rois'")
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.scale_factor = scale_factor
        self.normalize_by = normalize_by
        self.float32_probability = float32_probability
        self.add_state("pos_grad", torch.zeros(self.num_classes, dtype=torch.float64))
        self.add_state("neg_grad", torch.zeros(self.num_classes, dtype=torch.float64))
        self.add_state("seen", torch.tensor(0))

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def gamma(self) -> Tensor:
        """gamma_j of the next call: float64 [C]."""
        ratio = (self.pos_grad / (self.neg_grad + 1e-10)).clamp(0, 1)
        return self.focal_gamma + self.scale_factor * (1 - torch.where(self.seen > 0, ratio, 1.0))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        gamma = self.gamma()
        counts = torch.stack([(labels < self.num_classes).sum(), torch.full_like(labels.sum(), len(labels))])
        if self.training:
            counts = self.sum_over_ranks(counts)
        ranks = _world_size() if self.training else 1
        foreground, rois = counts.to(logits.dtype)
        normalizer = foreground.clamp(min=1) / ranks if self.normalize_by == "foreground" else max(len(labels), 1)
        positive = F.one_hot(labels, self.num_classes + 1)[:, :-1].bool()
        if self.training:
            # of the gradient averaged over the ranks: what each rank's loss is divided by, times their number
            divisor = foreground.clamp(min=1) if self.normalize_by == "foreground" else rois.clamp(min=1)
            self._collect(logits.detach(), positive, gamma, divisor)
            self.seen += counts[1]
        losses = (
            self._official(logits, positive, gamma)
            if self.float32_probability
            else self._losses(logits, positive, gamma)
        )
        return losses.sum() / normalizer

    def _factor(self, positive: Tensor, gamma: Tensor) -> Tensor:
        """alpha_t gamma_j / focal_gamma: [N, C]."""
        alpha = gamma.new_tensor([1 - self.focal_alpha, self.focal_alpha])
        return alpha[positive.long()] * (gamma / self.focal_gamma)

    def _losses(self, logits: Tensor, positive: Tensor, gamma: Tensor) -> Tensor:
        gamma = gamma.to(logits)
        signed = torch.where(positive, logits, -logits)  # p_t = sigmoid(signed)
        modulation = (gamma * F.logsigmoid(-signed)).exp()
        return -self._factor(positive, gamma) * modulation * F.logsigmoid(signed)

    def _official(self, logits: Tensor, positive: Tensor, gamma: Tensor) -> Tensor:
        gamma = gamma.to(logits)
        p = logits.sigmoid()
        p_t = torch.where(positive, p, 1 - p)
        return -self._factor(positive, gamma) * (1 - p_t) ** gamma * p_t.log()

    def _collect(self, logits: Tensor, positive: Tensor, gamma: Tensor, divisor: Tensor) -> None:
        """Add |dL/ds| = alpha_t (gamma / focal_gamma) (1 - p_t)^gamma (1 - p_t - gamma p_t log p_t), summed."""
        gamma = gamma.to(logits)
        signed = torch.where(positive, logits, -logits)
        log_p = F.logsigmoid(signed)
        slope = (-signed).sigmoid().sub_(gamma * log_p.exp() * log_p)
        slope *= (gamma * F.logsigmoid(-signed)).exp() * self._factor(positive, gamma)
        sums = torch.stack([slope.where(positive, 0).sum(dim=0), slope.where(~positive, 0).sum(dim=0)]).double()
        sums = self.sum_over_ranks(sums / divisor.double())
        self.pos_grad += sums[0]
        self.neg_grad += sums[1]

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))


def _world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
