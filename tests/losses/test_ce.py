from __future__ import annotations

import math

import pytest
import torch
from loss_cases import Rows, check_against, make_batch, make_stats, softmax, total
from lt_bench.losses.ce import CrossEntropy


def oracle(rows: Rows, labels: list[int]) -> float:
    return sum(-math.log(softmax(row)[label]) for row, label in zip(rows, labels, strict=True)) / len(rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_formula(dtype: torch.dtype) -> None:
    loss = CrossEntropy(make_stats())
    check_against(oracle, loss, *make_batch(loss), dtype)


def test_equal_logits_cost_the_log_of_the_channel_number() -> None:
    value = CrossEntropy(make_stats())(torch.zeros(4, 6), torch.tensor([0, 2, 4, 5]))
    assert total(value).item() == pytest.approx(math.log(6))


def test_scores_are_softmax() -> None:
    loss = CrossEntropy(make_stats())
    logits, _ = make_batch(loss)
    expected = torch.tensor([softmax(row) for row in logits.tolist()], dtype=torch.float64)
    torch.testing.assert_close(loss.scores(logits), expected)
