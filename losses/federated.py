"""Federated loss (Zhou, Koltun and Krähenbühl, 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.auto import Rules, same_share_of_classes
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.api.seeded_draws import SeededDraws
from lt_bench.functional import binary_cross_entropy
from lt_bench.functional.chunks import on_cpu


class Federated(SeededDraws, LongTailLoss):
    """Federated loss: binary cross-entropy over a subset S of the classes, the others get no gradient.

    LVIS labels only some classes in each image, so most negatives are not known to be negatives:

        L = sum over j in S of BCE(sigmoid(s_j), y_j)

    summed over RoIs, divided by their number N. S holds the classes of the batch's RoIs and, up to num_sample_cats,
    further classes drawn without replacement with probability proportional to image_count^freq_power.

    logits: [N, C + 1]; the last channel gets no gradient. It exists because the official code shares the layout of
    softmax. Scores: sigmoid of every channel; the background column is that of the unused channel and means nothing.

    What the official code (CenterNet2) does beside the formula, and is kept: one S serves all RoIs of a rank's batch,
    and the distinct labels of the batch, background among them, count towards num_sample_cats, so a batch with
    background draws one class fewer; a batch with more distinct labels than that draws none and keeps all.
    It draws from the global generator, this one as `SeededDraws` says.

    State (in every checkpoint, changed in training mode only): seed, draw, int64 scalars.

    Args:
        stats: class statistics of the training set.
        num_sample_cats: at least 1; with fewer classes to draw from, all are taken.
        freq_power: exponent of image_count, at least 0.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Zhou, Koltun and Krähenbühl, Probabilistic Two-Stage Detection, 2021, arXiv 2103.07461"
    sample_axis = None
    auto: ClassVar[Rules] = {"num_sample_cats": lambda stats: same_share_of_classes(50, stats)}

    def __init__(self, stats: ClassStats, num_sample_cats: int = 50, freq_power: float = 0.5) -> None:
        super().__init__(stats)
        if num_sample_cats < 1:
            raise ValueError(f"Federated: num_sample_cats is {num_sample_cats}, expected at least 1")
        if not 0 <= freq_power < math.inf:
            raise ValueError(f"Federated: freq_power is {freq_power}, expected a finite number of at least 0")
        self.num_sample_cats = num_sample_cats
        self.freq_power = freq_power
        images = stats.images()
        # Only ratios matter: dividing by the largest count keeps any power finite. A plain attribute, not a buffer:
        # draws happen on the CPU, so that they are the same on every device.
        self._draw_weight = (images / images.max()) ** freq_power
        self.add_draw_state()

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        subset = self._subset(labels)
        if not on_cpu(logits):  # as a weight: a GPU would wait for the number of classes in S
            weight = F.pad(subset.to(logits), (0, 1))
            logits = logits.masked_fill(weight == 0, 0)  # a logit outside S counts nothing, infinity neither
            return binary_cross_entropy(logits, labels, weight, weight) / max(len(labels), 1)
        classes = subset.nonzero()[:, 0]
        channel = labels.new_full((self.num_classes + 1,), len(classes))  # that of a class among those of S; none
        channel[classes] = torch.arange(len(classes))
        return binary_cross_entropy(logits.index_select(1, classes), channel[labels]) / max(len(labels), 1)

    def _subset(self, labels: Tensor) -> Tensor:
        """S: bool [C]."""
        present = torch.zeros(self.num_classes + 1, dtype=torch.bool, device=labels.device).index_fill_(0, labels, True)
        order = self.draw_sample(labels).to(labels.device, non_blocking=True)
        absent = ~present[order]
        drawn = absent & (absent.cumsum(0) <= self.num_sample_cats - present.sum())
        return present.index_put((order,), drawn | ~absent)[:-1]

    def draw_sample(self, labels: Tensor) -> Tensor:
        """The classes that may be drawn, int64 on the CPU, in the order in which torch.multinomial draws them.

        The first n of them that are absent from a batch are a draw of n, and no device has to tell the CPU which are.
        """
        key = self._draw_weight / torch.empty_like(self._draw_weight).exponential_(generator=self.next_generator())
        return key.argsort(descending=True)[: int(key.count_nonzero())]

    def scores(self, logits: Tensor) -> Tensor:
        return widen(logits).sigmoid()
