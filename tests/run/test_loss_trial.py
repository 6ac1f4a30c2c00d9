"""Losses that are odd: each is right, or is refused in words before anything is trained."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lt_bench import LongTailLoss
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.registry import build_loss, list_losses
from lt_bench.errors import UserError
from lt_bench.run.loss_trial import try_loss

STATS = ClassStats(image_count=[1, 40, 700], instance_count=[1, 55, 2100], num_images=900)
LOSSES = [info.name for info in list_losses() if info.distribution == "lt_bench"]


class Plain(LongTailLoss):
    """Softmax cross-entropy; what is odd is in the subclasses."""

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        return nn.functional.cross_entropy(logits, labels)

    def scores(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


class PerRoI(Plain):
    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        return nn.functional.cross_entropy(logits, labels, reduction="none")


class Detached(Plain):
    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        return super().forward(logits, labels).detach()


class Lazy(Plain):
    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        if not hasattr(self, "scale"):
            self.scale = nn.Parameter(torch.ones(()))
        return super().forward(logits * self.scale, labels)


class NarrowScores(Plain):
    def scores(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)[:, :-1]


class NaNScores(Plain):
    def scores(self, logits: Tensor) -> Tensor:
        return super().scores(logits) * torch.nan


class LogitScores(Plain):
    def scores(self, logits: Tensor) -> Tensor:
        return logits


class Exits(Plain):
    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        raise SystemExit(0)


class Failing(Plain):
    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        return logits[:, 99].sum()


class OwnCuda(Plain):
    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        return super().forward(logits, labels) + torch.zeros((), device="cuda")


class Scaled(Plain):
    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, logits: Tensor, labels: Tensor) -> Any:
        return {"a": super().forward(logits * self.scale, labels), "b": random.random() * self.scale}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_built_in_losses_pass(loss: str) -> None:
    for stats in (STATS, ClassStats(image_count=[3], instance_count=[3], num_images=9)):
        try_loss(build_loss(loss, stats), loss, "cpu")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (PerRoI, r"'mine' returned a tensor of shape \[6\], expected a scalar"),
        (Detached, "has no gradient"),
        (Lazy, "makes trainable parameters when it is called"),
        (NarrowScores, r"have shape \[6, 3\] for 6 RoIs, expected \[6, 4\]"),
        (NaNScores, r"scores of the loss 'mine' lie in nan\.\.nan, expected 0\.\.1"),
        (LogitScores, r"scores of the loss 'mine' lie in -.*, expected 0\.\.1"),
        (Exits, r"fails on 6 RoIs on cpu: sys\.exit\(0\)"),
        (Failing, "fails on 6 RoIs on cpu: IndexError: index 99"),
    ],
)
def test_odd_losses_are_refused_in_words(kind: type[Plain], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        try_loss(kind(STATS), "mine", "cpu")
    assert caught.value.remedy


@pytest.mark.skipif(torch.cuda.is_available(), reason="its calls work here")
def test_cuda_calls_on_a_machine_without_are_explained() -> None:
    with pytest.raises(UserError, match="'mine' fails on 6 RoIs on cpu") as caught:
        try_loss(OwnCuda(STATS), "mine", "cpu")
    assert "logits.device" in caught.value.remedy


def test_trainable_parameters_are_right_and_nothing_random_moves() -> None:
    states = random.getstate(), repr(np.random.get_state(legacy=False)), torch.random.get_rng_state()
    try_loss(Scaled(STATS), "mine", "cpu")
    assert random.getstate() == states[0]
    assert repr(np.random.get_state(legacy=False)) == states[1]
    assert torch.equal(torch.random.get_rng_state(), states[2])
