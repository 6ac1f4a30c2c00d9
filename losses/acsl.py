"""Adaptive class suppression loss (Wang et al., CVPR 2021)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.auto import Rules, most_images
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss, widen
from lt_bench.api.seeded_draws import SeededDraws


class ACSL(SeededDraws, LongTailLoss):
    """Adaptive class suppression: a class is pushed down by an object of another class only where it is confused with.

    With y the one-hot label over C + 1 channels, background among them, summed over RoIs and channels, divided by the
    number N of RoIs:

        L = sum_j w_j BCE(sigmoid(s_j), y_j)

    Foreground RoI: w_j = 1 for its own class and where sigmoid(s_j) >= score_thr (a constant to the gradient), else 0.
    Background RoI: w_j = 1 for background and the frequent classes; for the common classes in int(common_share n_bg)
    and for the rare ones in int(rare_share n_bg) of the n_bg background RoIs of the rank's batch, drawn without
    replacement. Rare: in at most 10 training images; common: in at most 100 (LVIS's own groups).

    logits: [N, C + 1]. Scores: sigmoid of every channel.

    Where the official code departs: its comments say that a third and two thirds of the background RoIs are drawn, its
    code draws 1 % and 10 %: the code is followed. It draws from numpy's global generator; here see `SeededDraws`.
    Published is the training of the classifier alone, from a detector trained with softmax.

    State (in every checkpoint, equal on all ranks): seed, draw.

    Args:
        stats: class statistics of the training set.
        score_thr: score from which a foreground RoI pushes another class down, 0 to 1.
        rare_share: share of the background RoIs that push the rare classes down, 0 to 1.
        common_share: the same for the common classes.
        max_rare_images: images that show a rare class at most.
        max_common_images: images that show a common class at most, no fewer than max_rare_images.

    Raises:
        ValueError: a hyper-parameter is out of range.
    """

    paper = "Wang et al., Adaptive Class Suppression Loss for Long-Tail Object Detection, CVPR 2021, arXiv 2104.00885"
    auto: ClassVar[Rules] = {
        "max_rare_images": lambda stats: most_images("rare"),
        "max_common_images": lambda stats: most_images("common"),
    }
    is_rare: Tensor  # bool [C + 1]
    is_common: Tensor  # bool [C + 1]

    def __init__(
        self,
        stats: ClassStats,
        score_thr: float = 0.7,
        rare_share: float = 0.01,
        common_share: float = 0.1,
        max_rare_images: int = 10,
        max_common_images: int = 100,
    ) -> None:
        super().__init__(stats)
        for name, value in (("score_thr", score_thr), ("rare_share", rare_share), ("common_share", common_share)):
            if not 0 <= value <= 1:
                raise ValueError(f"ACSL: {name} is {value}, expected a number between 0 and 1")
        if max_rare_images < 0:
            raise ValueError(f"ACSL: max_rare_images is {max_rare_images}, expected at least 0")
        if max_common_images < max_rare_images:
            raise ValueError(
                f"ACSL: max_rare_images is {max_rare_images} and max_common_images is {max_common_images}, "
                "expected the first to be at most the second"
            )
        # A probability cannot be compared where it has been rounded to 1: the logit can.
        self.logit_thr = (
            math.inf if score_thr == 1 else -math.inf if score_thr == 0 else math.log(score_thr / (1 - score_thr))
        )
        self.rare_share = rare_share
        self.common_share = common_share
        images = stats.images()
        rare, common = images <= max_rare_images, (images > max_rare_images) & (images <= max_common_images)
        self.register_buffer("is_rare", F.pad(rare, (0, 1)), persistent=False)
        self.register_buffer("is_common", F.pad(common, (0, 1)), persistent=False)
        self.add_draw_state()

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def draw_sample(self, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The background RoIs whose rare negatives count, and those whose common ones do: bool [N] each."""
        keys = torch.rand(2, len(labels), generator=self.next_generator(), dtype=torch.float64).to(labels.device)
        background = labels == self.num_classes
        # The place of each among the background RoIs, in random order.
        place = keys.masked_fill(~background, 2.0).argsort(dim=1).argsort(dim=1)
        shares = torch.tensor([[self.rare_share], [self.common_share]], dtype=torch.float64, device=labels.device)
        rare, common = background & (place < (shares * background.sum()).long())
        return rare, common

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        rare, common = self.draw_sample(labels)
        positive = F.one_hot(labels, self.num_classes + 1).bool()
        confused = positive | ~(logits.detach() < self.logit_thr)  # NaN too, or it would be hidden
        kept = (~self.is_rare | rare[:, None]) & (~self.is_common | common[:, None])
        counts = torch.where((labels < self.num_classes)[:, None], confused, kept)
        losses = F.binary_cross_entropy_with_logits(logits, positive.to(logits), reduction="none")
        return torch.where(counts, losses, 0).sum() / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return widen(logits).sigmoid()
