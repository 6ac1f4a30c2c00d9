"""Balanced group softmax (Li et al., CVPR 2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.auto import Rules, instance_borders
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.api.seeded_draws import SeededDraws


class BAGS(SeededDraws, LongTailLoss):
    """Balanced group softmax: classes of similar counts compete among themselves, in a softmax of their own.

    The classes fall into groups by their number of instances (by default <10, <100, <1000 and the rest). Bin 0 is the
    softmax of background against foreground; bin i that of group i, in which "others" stands for every RoI of no class
    of the group, background or not:

        L = sum over bins of  sum_n w_n CE(bin, n) / max(1, sum_n w_n)

    w = 1 for every RoI in bin 0. In bin i it is 1 for the n_i RoIs of its classes and for int(n_i others_sample_ratio)
    of the others, drawn without replacement (for all, if there are no more), and 0 for the rest; with n_i = 0 the
    bin gives nothing.

    logits: [N, C + G + 2] for G groups, C + 6 by default: background, foreground, then for each group others and its
    classes in the order of their labels. Scores: p(foreground) times softmax in the group; p(background) of bin 0.

    The official code departs from nothing here. It draws from numpy's global generator; here see `SeededDraws`.
    Published is the training of the classifier alone, from a detector trained with softmax.

    State (in every checkpoint, equal on all ranks): seed, draw.

    Args:
        stats: class statistics of the training set.
        others_sample_ratio: others drawn for each RoI of a group, at least 0.
        borders: instance counts that divide the groups, ascending; a class with as many belongs to the upper group.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = (
        "Li et al., Overcoming Classifier Imbalance for Long-tail Object Detection with Balanced Group Softmax, "
        "CVPR 2020, arXiv 2006.10408"
    )
    auto: ClassVar[Rules] = {"borders": instance_borders}
    sample_axis = 1
    channel: Tensor  # int64 [C], of each class
    group: Tensor  # int64 [C + 1], of each class; background is of none: -1
    inside: Tensor  # int64 [C + 1], of each class in its group, from 1; of background 0

    def __init__(
        self, stats: ClassStats, others_sample_ratio: float = 8.0, borders: Sequence[int] = (10, 100, 1000)
    ) -> None:
        super().__init__(stats)
        if not 0 <= others_sample_ratio < math.inf:
            raise ValueError(
                f"BAGS: others_sample_ratio is {others_sample_ratio}, expected a finite number of at least 0"
            )
        if list(borders) != sorted(borders):
            raise ValueError(f"BAGS: borders is {borders}, expected ascending instance counts")
        self.others_sample_ratio = others_sample_ratio
        self.borders = tuple(borders)
        group = torch.bucketize(stats.instances(), torch.tensor(self.borders, dtype=torch.float64), right=True)
        sizes = [int((group == number).sum()) for number in range(len(self.borders) + 1)]
        # Channels of each group, others first; bin 0 has the first two.
        self.first = [2 + sum(sizes[:number]) + number for number in range(len(sizes))]
        self.width = [1 + size for size in sizes]
        inside = torch.zeros_like(group)
        for number in range(len(sizes)):
            inside[group == number] = torch.arange(1, sizes[number] + 1)
        self.register_buffer("channel", torch.tensor(self.first)[group] + inside, persistent=False)
        self.register_buffer("group", F.pad(group, (0, 1), value=-1), persistent=False)
        self.register_buffer("inside", F.pad(inside, (0, 1)), persistent=False)
        self.add_draw_state()

    @property
    def num_logits(self) -> int:
        return self.num_classes + len(self.borders) + 3

    def class_channels(self) -> Tensor:
        return self.channel

    def draw_sample(self, labels: Tensor) -> Tensor:
        """Which RoIs count in which bin: bool [1 + G, N]."""
        groups = len(self.first)
        keys = torch.rand(groups, len(labels), generator=self.next_generator(), dtype=torch.float64).to(labels.device)
        own = self.group[labels] == torch.arange(groups, device=labels.device)[:, None]
        # The place of each among the others, in random order.
        place = keys.masked_fill(own, 2.0).argsort(dim=1).argsort(dim=1)
        drawn = own | (place < (own.sum(dim=1, keepdim=True) * self.others_sample_ratio).long())
        # Own RoIs come last in that order, and are in anyway. A group without any draws none: 0 times the ratio.
        return torch.cat([torch.ones_like(drawn[:1]), drawn]) if len(labels) else own.new_ones(1 + groups, 0)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        counts = self.draw_sample(labels).to(logits)
        foreground = (labels < self.num_classes).long()
        total = _weighted(logits[:, :2], foreground, counts[0])
        for number, (first, width) in enumerate(zip(self.first, self.width, strict=True)):
            target = torch.where(self.group[labels] == number, self.inside[labels], 0)
            total = total + _weighted(logits[:, first : first + width], target, counts[1 + number])
        return total

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        groups = [
            logits[..., first : first + width].softmax(dim=-1)
            for first, width in zip(self.first, self.width, strict=True)
        ]
        background, foreground = logits[..., :2].softmax(dim=-1).split(1, dim=-1)  # type: ignore[no-untyped-call]
        in_group = torch.cat(groups, dim=-1).index_select(-1, self.channel - 2)
        return torch.cat([foreground * in_group, background], dim=-1)


def _weighted(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """sum(w CE) / max(1, sum w) of one bin: logits [N, g], target [N], weight [N]."""
    return (weight * F.cross_entropy(logits, target, reduction="none")).sum() / weight.sum().clamp(min=1)
