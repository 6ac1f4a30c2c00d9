from __future__ import annotations

import math

import pytest
import torch
from loss_cases import Rows, bce, check_against, make_batch, make_stats, sigmoid, total, value_and_gradient
from lt_bench.losses.eqlv2 import EQLv2

GAMMA, MU, ALPHA = 5.0, 0.4, 2.0


class Oracle:
    def __init__(self, num_classes: int) -> None:
        self.pos_grad = [0.0] * num_classes
        self.neg_grad = [0.0] * num_classes
        self.calls = 0

    def weights(self, c: int) -> tuple[float, float]:
        if self.calls == 0 or c == len(self.pos_grad):
            return 1.0, 1.0
        ratio = self.pos_grad[c] / (self.neg_grad[c] + 1e-10)
        r = 1 / (1 + math.exp(-GAMMA * (ratio - MU)))
        return 1 + ALPHA * (1 - r), r

    def __call__(self, rows: Rows, labels: list[int]) -> float:
        loss = 0.0
        for row, label in zip(rows, labels, strict=True):
            for c, s in enumerate(row):
                q, r = self.weights(c)
                loss += (q if c == label else r) * bce(sigmoid(s), c == label)
        return loss / len(rows)

    def collect(self, rows: Rows, labels: list[int]) -> None:
        weights = [self.weights(c) for c in range(len(self.pos_grad))]
        for row, label in zip(rows, labels, strict=True):
            for c, (q, r) in enumerate(weights):
                if c == label:
                    self.pos_grad[c] += q * (1 - sigmoid(row[c]))
                else:
                    self.neg_grad[c] += r * sigmoid(row[c])
        self.calls += 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_formula_from_call_to_call(dtype: torch.dtype) -> None:
    loss, oracle = EQLv2(make_stats(), gamma=GAMMA, mu=MU, alpha=ALPHA), Oracle(5)
    for seed in range(4):
        logits, labels = make_batch(loss, seed=seed)
        check_against(oracle, loss, logits, labels, dtype)
        oracle.collect(logits.to(dtype).tolist(), labels.tolist())
        expected = torch.tensor([oracle.pos_grad, oracle.neg_grad], dtype=torch.float64)
        torch.testing.assert_close(torch.stack([loss.pos_grad, loss.neg_grad]), expected, rtol=1e-6, atol=1e-9)


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


def test_scores_multiply_by_what_is_not_background() -> None:
    loss = EQLv2(make_stats())
    logits, _ = make_batch(loss)
    expected = []
    for *classes, background in logits.tolist():
        expected.append([sigmoid(s) * (1 - sigmoid(background)) for s in classes] + [sigmoid(background)])
    torch.testing.assert_close(loss.scores(logits), torch.tensor(expected, dtype=torch.float64))
