from __future__ import annotations

import pytest
import torch
from loss_cases import make_batch, make_stats, total
from lt_bench.losses.focal import Focal
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot


def test_without_focusing_it_is_half_the_binary_cross_entropy() -> None:
    loss = Focal(make_stats(), alpha=0.5, gamma=0.0)
    logits, labels = make_batch(loss)
    expected = binary_cross_entropy_with_logits(logits, one_hot(labels, 6)[:, :5].double(), reduction="sum")
    assert total(loss(logits, labels)).item() == pytest.approx(expected.item() / 2 / int((labels < 5).sum()))


def test_background_alone_is_divided_by_one() -> None:
    value = total(Focal(make_stats())(torch.zeros(4, 5), torch.full((4,), 5)))
    assert value.item() == pytest.approx(4 * 5 * 0.75 * 0.25 * torch.tensor(2.0).log().item())
