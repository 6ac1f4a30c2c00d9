"""Equilibrium loss of LOCE (Feng et al., ICCV 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import Assignment, LossContext, Need
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.functional import cross_entropy


class LOCE(LongTailLoss):
    """Equilibrium loss: softmax cross-entropy with margins that follow the mean score of each class in training.

    With s_c the mean score that the classifier gives class c where it is the true one, averaged over the N RoIs:

        L = CE(z + log s, y)

    s is updated first, and the call uses the new one as a constant. With p = softmax(z), each ground truth that has
    RoIs gives one observation, the mean of p_y over them. With k observations of class c in the batch, of mean m:

        s_c <- alpha^k s_c + (1 - alpha^k) m,    s_bg = bg_score

    logits: [N, C + 1]. Scores: softmax(z).

    needs: "assignment", which ground truth each RoI belongs to. It can do without: then each foreground RoI counts as
    a ground truth of its own, which weighs objects by their RoIs, and moves s faster. A RoI of image -1 comes from a
    memory of features; these give one observation per class. The memory itself (the paper's feature sampling, MFS) is
    no part of a loss and is not here.

    Where the official code departs: its s is no part of a checkpoint, and a batch without any ground truth is an
    error; here it moves nothing. s is kept above the smallest float32, where its logarithm would become infinite.

    State (in every checkpoint, equal on all ranks, changed in training mode only): mean_score, float64 [C + 1].

    Args:
        stats: class statistics of the training set, for the number of classes.
        alpha: how much of the mean an observation leaves, 0 to 1.
        bg_score: the mean score of background and, at first, of every class; above 0, at most 1.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = (
        "Feng, Zhong and Huang, Exploring Classification Equilibrium in Long-Tailed Object Detection, ICCV 2021, "
        "arXiv 2108.07507"
    )
    differentiable_with: ClassVar[Mapping[str, Any]] = {"alpha": 1.0}
    activation = "softmax"
    needs: tuple[Need, ...] = ("assignment",)
    can_do_without = ("assignment",)
    mean_score: Tensor

    def __init__(self, stats: ClassStats, alpha: float = 0.9, bg_score: float = 0.01) -> None:
        super().__init__(stats)
        if not 0 <= alpha <= 1:
            raise ValueError(f"LOCE: alpha is {alpha}, expected a number between 0 and 1")
        if not 0 < bg_score <= 1:
            raise ValueError(f"LOCE: bg_score is {bg_score}, expected a number above 0, at most 1")
        self.alpha = alpha
        self.bg_score = bg_score
        self.add_state("mean_score", torch.full((self.num_classes + 1,), bg_score, dtype=torch.float64))

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor, context: LossContext | None = None) -> Tensor:
        if self.training:
            self._observe(logits.detach(), labels, None if context is None else context.assignment)
        shift = self.mean_score.clamp(min=torch.finfo(torch.float32).tiny).log()
        return cross_entropy(logits + shift.to(logits), labels) / max(len(labels), 1)

    def _observe(self, logits: Tensor, labels: Tensor, assignment: Assignment | None) -> None:
        target = labels[:, None]
        own = logits.log_softmax(dim=1).gather(1, target)[:, 0].exp().double()  # p_y
        share = _share_of_ground_truth(labels, assignment)
        sums = own.new_zeros(2, self.num_classes + 1)
        sums = self.sum_over_ranks(sums.index_add(1, labels, torch.stack([share * own, share])))
        total, count = sums[0], sums[1].round()  # a ground truth's shares sum to 1 up to rounding
        kept = torch.where(count > 0, self.alpha**count, 1.0)
        updated = kept * self.mean_score + (1 - kept) * (total / count.clamp(min=1))
        updated[-1] = self.bg_score
        self.mean_score.copy_(updated)

    def scores(self, logits: Tensor) -> Tensor:
        return widen(logits).softmax(dim=-1)


def _share_of_ground_truth(labels: Tensor, assignment: Assignment | None) -> Tensor:
    """One divided by the number of RoIs of the same ground truth: float64 [N]. Of background it means nothing."""
    if assignment is None:
        return torch.ones_like(labels, dtype=torch.float64)
    # All pairs, so that no device has to tell how many ground truths there are. The label tells memory rows apart.
    same = torch.ones(len(labels), len(labels), dtype=torch.bool, device=labels.device)
    for index in (assignment.image_index, assignment.gt_index, labels):
        same &= index[:, None] == index
    return 1 / same.sum(dim=1).double()
