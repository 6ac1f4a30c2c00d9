"""What the tests of profiles share: class statistics, profiles, and plugins that misbehave."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss
from lt_bench.loss_analysis.profile import LossProfile, measure

# Rare, common and frequent classes, in no order; few images, so that a batch shows several classes.
STATS = ClassStats([3, 900, 40, 1, 300, 10, 11, 700], [7, 4000, 90, 1, 301, 55, 12, 900], 1000)

COLUMNS = ("weight", "margin", "positive", "negative", "pull_up", "pull_down", "ratio")


def synthetic_profile(name: str, scale: float, background: bool = True) -> LossProfile:
    """Class c has the numbers scale * (c + 1), another multiple in each column."""
    values = np.asarray(scale * np.arange(1, STATS.num_classes + 2), np.float64)
    if not background:
        values[-1] = np.nan
    columns = {column: (place + 1) * values for place, column in enumerate(COLUMNS)}
    return LossProfile(name, 0, True, **columns)


PROFILES = [synthetic_profile("one", 1.0), synthetic_profile("other", 10.0, background=False)]


def sigmoid(s: float) -> float:
    return 1 / (1 + math.exp(-s))


def share(label: int) -> float:
    """Of the RoIs of a batch: a quarter is foreground."""
    return 0.25 * STATS.instance_count[label] / sum(STATS.instance_count) if label < STATS.num_classes else 0.75


class Tiny(LongTailLoss):
    """One-vs-all cross-entropy in single precision, whatever it is given."""

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = torch.nn.functional.one_hot(labels, self.num_classes + 1)[:, :-1].float()
        bce = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum")
        return bce / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return torch.nn.functional.pad(logits.sigmoid(), (0, 1))


class Unfinished(Tiny):
    """Its gradient is not a number."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits * torch.nan).sum()


class Flat(Tiny):
    """It has a value, and no gradient where it stands."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return logits.square().sum()


def profile(cls: type[LongTailLoss], calls: int = 0, **hyper_parameters: float) -> LossProfile:
    return measure("loss", partial(cls, STATS, **hyper_parameters), calls)


def agree(found: np.ndarray, expected: list[float], rel: float = 1e-9) -> None:
    np.testing.assert_allclose(found, expected, rtol=rel, atol=0)
