from __future__ import annotations

import math

import pytest
import torch
from loss_cases import Rows, bce, check_against, make_batch, make_stats, sigmoid, total
from lt_bench.losses.focal import Focal


def oracle(rows: Rows, labels: list[int], alpha: float = 0.25, gamma: float = 2.0) -> float:
    loss = 0.0
    for row, label in zip(rows, labels, strict=True):
        for c, s in enumerate(row):
            p_t = sigmoid(s) if c == label else 1 - sigmoid(s)
            alpha_t = alpha if c == label else 1 - alpha
            loss += -alpha_t * (1 - p_t) ** gamma * math.log(p_t)
    return loss / max(1, sum(label < len(rows[0]) for label in labels))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.3, 0.5), (1.0, 0.0)])
def test_equals_the_formula(dtype: torch.dtype, alpha: float, gamma: float) -> None:
    loss = Focal(make_stats(), alpha=alpha, gamma=gamma)
    check_against(lambda rows, labels: oracle(rows, labels, alpha, gamma), loss, *make_batch(loss), dtype)


def test_without_focusing_it_is_half_the_binary_cross_entropy() -> None:
    loss = Focal(make_stats(), alpha=0.5, gamma=0.0)
    logits, labels = make_batch(loss)
    expected = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        expected += sum(bce(sigmoid(s), c == label) for c, s in enumerate(row))
    assert total(loss(logits, labels)).item() == pytest.approx(expected / 2 / int((labels < 5).sum()))


def test_background_alone_is_divided_by_one() -> None:
    loss = Focal(make_stats())
    logits, _ = make_batch(loss)
    labels = torch.full((len(logits),), 5)
    assert total(loss(logits, labels)).item() == pytest.approx(oracle(logits.tolist(), labels.tolist()))


def test_scores_are_sigmoid_and_zero_for_background() -> None:
    loss = Focal(make_stats())
    logits, _ = make_batch(loss)
    expected = torch.tensor([[*map(sigmoid, row), 0.0] for row in logits.tolist()], dtype=torch.float64)
    torch.testing.assert_close(loss.scores(logits), expected)
