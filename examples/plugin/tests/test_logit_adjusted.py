"""The loss against its formula, written out in Python's own floats."""

from __future__ import annotations

import math

import pytest
import torch
from lt_bench import ClassStats

from lt_bench_logit_adjusted import LogitAdjusted

INSTANCES = [1000, 30, 1]


def stats() -> ClassStats:
    return ClassStats(image_count=[400, 20, 1], instance_count=INSTANCES, num_images=500)


def softmax(row: list[float]) -> list[float]:
    exponentials = [math.exp(value) for value in row]
    return [value / sum(exponentials) for value in exponentials]


@pytest.mark.parametrize(("tau", "fg_bg_ratio"), [(1.0, 1.0), (0.5, 6.0), (0.0, 1.0)])
def test_loss_and_gradient_equal_the_formula(tau: float, fg_bg_ratio: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    labels = [0, 1, 2, 3, 3]

    prior = [count / sum(INSTANCES) for count in INSTANCES] + [fg_bg_ratio]
    shift = [tau * math.log(value) for value in prior]
    probabilities = [softmax([s + b for s, b in zip(row, shift, strict=True)]) for row in logits.tolist()]
    expected = sum(-math.log(row[label]) for row, label in zip(probabilities, labels, strict=True)) / len(labels)
    gradient = [
        [(p - (column == label)) / len(labels) for column, p in enumerate(row)]
        for row, label in zip(probabilities, labels, strict=True)
    ]

    loss = LogitAdjusted(stats(), tau=tau, fg_bg_ratio=fg_bg_ratio)(logits, torch.tensor(labels))
    assert isinstance(loss, torch.Tensor)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], torch.tensor(gradient, dtype=torch.float64))


def test_scores_are_the_unshifted_softmax() -> None:
    logits = torch.tensor([[0.5, -1.0, 2.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([softmax(logits[0].tolist())], dtype=torch.float64)
    torch.testing.assert_close(LogitAdjusted(stats()).scores(logits), expected)


def test_a_batch_without_rois_gives_zero() -> None:
    loss = LogitAdjusted(stats())(torch.zeros(0, 4, requires_grad=True), torch.zeros(0, dtype=torch.int64))
    assert isinstance(loss, torch.Tensor)
    assert loss.item() == 0.0
