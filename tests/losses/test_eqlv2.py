from __future__ import annotations

import math

import pytest
import torch
from loss_cases import make_stats, total, value_and_gradient
from lt_bench.losses.eqlv2 import EQLv2


def test_the_first_call_is_binary_cross_entropy() -> None:
    loss = EQLv2(make_stats())
    value = total(loss(torch.zeros(4, 6), torch.tensor([0, 2, 4, 5])))
    assert value.item() == pytest.approx(6 * math.log(2))


def test_an_empty_first_batch_leaves_the_weights_at_one() -> None:
    loss = EQLv2(make_stats())
    loss(torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64))
    value = total(loss(torch.zeros(4, 6), torch.tensor([0, 2, 4, 5])))
    assert value.item() == pytest.approx(6 * math.log(2))


def test_a_class_short_of_positive_gradient_is_favoured() -> None:
    loss = EQLv2(make_stats())
    loss(torch.zeros(50, 6), torch.tensor([0] * 49 + [1]))
    _, gradient = value_and_gradient(loss, torch.zeros(2, 6), torch.tensor([0, 1]))
    assert gradient[1, 1] / gradient[0, 0] == pytest.approx(5, rel=1e-3)  # 1 + alpha against 1
    assert gradient[0, 1] / gradient[1, 0] < 1e-3  # f(1/49) against f(49)
