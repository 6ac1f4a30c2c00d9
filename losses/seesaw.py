"""Seesaw loss (Wang et al., CVPR 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional.chunks import chunks, first_order, on_cpu


class Seesaw(LongTailLoss):
    """Seesaw loss: softmax whose negatives are scaled by class counts and by how wrong the prediction is.

    For a foreground RoI of class i, with n_j the RoIs of class j seen so far (this batch included) and
    sigma = softmax over the C classes:

        M_ij = min(1, (n_j / n_i)^p)                    mitigation: less push on classes rarer than i
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

    Args:
        stats: class statistics of the training set, for the number of classes.
        p: exponent of the mitigation, at least 0; 0 switches it off.
        q: exponent of the compensation, at least 0; 0 switches it off.
        eps: lower bound of sigma_i, in (0, 1].
        reduce_counts: whether the counts are summed over ranks.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021, arXiv 2008.10032"
    differentiable_with: ClassVar[Mapping[str, Any]] = {"q": 0.0}
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
            # not bincount: a GPU would wait for the largest label
            counts = torch.zeros_like(self.cum_samples).index_add_(0, labels, torch.ones_like(labels))
            self.cum_samples += self.sum_over_ranks(counts) if self.reduce_counts else counts
        log_count = self.p * self.cum_samples[:-1].clamp(min=1).double().log()
        arguments = logits, labels, log_count.to(logits), self.q, math.log(self.eps)
        sums: tuple[Tensor, Tensor] = _Chunked.apply(*arguments) if on_cpu(logits) else plain_seesaw(*arguments)  # type: ignore[no-untyped-call]
        objectness, classes = sums
        divisor = max(len(labels), 1)
        return {"loss_cls_objectness": objectness / divisor, "loss_cls_classes": classes / divisor}

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        classes = logits[..., :-2].softmax(dim=-1)
        objectness = logits[..., -2:].softmax(dim=-1)
        return torch.cat([classes * objectness[..., :1], objectness[..., 1:]], dim=-1)


def plain_seesaw(logits: Tensor, labels: Tensor, log_count: Tensor, q: float, log_eps: float) -> tuple[Tensor, Tensor]:
    """Both sums by the formulas: objectness and classes. log_count: p log(n_j) [C]."""
    classes, objectness = logits[:, :-2], logits[:, -2:]
    foreground = labels < len(log_count)
    target = labels.clamp(max=len(log_count) - 1)[:, None]  # any for background, which is left out of the sum
    log_softmax = (classes + _log_factors(classes.detach(), target, log_count, q, log_eps)).log_softmax(dim=1)
    return (
        F.cross_entropy(objectness, (~foreground).long(), reduction="sum"),
        -torch.where(foreground[:, None], log_softmax.gather(1, target), 0.0).sum(),
    )


def _log_factors(classes: Tensor, target: Tensor, log_count: Tensor, q: float, log_eps: float) -> Tensor:
    """log(M C) for class logits [n, C] and their labels [n, 1]: [n, C].

    Sums of logarithms cannot overflow. They are 0 in the column of the label, so it needs no exception.
    """
    log_sigma = classes.log_softmax(dim=1)
    compensation = log_sigma.sub_(log_sigma.gather(1, target).clamp(min=log_eps)).clamp_(min=0).mul_(q)
    target_count = log_count[target]
    return compensation.add_(torch.minimum(log_count, target_count).sub_(target_count))


class _Chunked(torch.autograd.Function):
    """The same on the CPU, of foreground RoIs only, whose log-softmax it keeps; it allocates the gradient."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, log_count: Tensor, q: float, log_eps: float
    ) -> tuple[Tensor, Tensor]:
        background = (labels >= len(log_count)).long()
        foreground = (background == 0).nonzero()[:, 0]
        target = labels[foreground, None]
        log_softmax = logits.new_empty(len(foreground), len(log_count))
        for rows in chunks(log_softmax, temporaries=4):
            classes = logits[:, :-2].index_select(0, foreground[rows])
            classes += _log_factors(classes, target[rows], log_count, q, log_eps)
            log_softmax[rows] = classes.log_softmax(dim=1)
        ctx.save_for_backward(logits, background, foreground, target, log_softmax)
        objectness = F.cross_entropy(logits[:, -2:], background, reduction="sum")
        return objectness, -log_softmax.gather(1, target).sum()

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_objectness: Tensor, grad_classes: Tensor) -> tuple[Tensor | None, ...]:
        logits, background, foreground, target, log_softmax = ctx.saved_tensors
        gradient = torch.zeros_like(logits, memory_format=torch.contiguous_format)
        gradient[:, -2:] = (logits[:, -2:].softmax(dim=1) - F.one_hot(background, 2)) * grad_objectness
        for rows in chunks(log_softmax, temporaries=4):
            slope = log_softmax[rows].exp()
            slope.scatter_(1, target[rows], slope.gather(1, target[rows]) - 1)
            gradient[:, :-2].index_copy_(0, foreground[rows], slope.mul_(grad_classes))
        return gradient, None, None, None, None
