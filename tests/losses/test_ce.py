from __future__ import annotations

import math

import pytest
import torch
from loss_cases import make_stats, total
from lt_bench.losses.ce import CrossEntropy


def test_equal_logits_cost_the_log_of_the_channel_number() -> None:
    value = CrossEntropy(make_stats())(torch.zeros(4, 6), torch.tensor([0, 2, 4, 5]))
    assert total(value).item() == pytest.approx(math.log(6))
