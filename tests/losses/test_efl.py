from __future__ import annotations

import pytest
import torch
from loss_cases import make_batch, make_stats, value_and_gradient
from lt_bench.losses.efl import EFL
from lt_bench.losses.focal import Focal


def test_the_official_probabilities_overflow_and_the_default_does_not() -> None:
    """A background logit of 17: 1 - sigmoid(17) is 0 in float32, and its logarithm infinite."""
    logits, labels = torch.tensor([[17.0, 0, 0, 0, 0]]), torch.tensor([5])
    official, gradient = value_and_gradient(EFL(make_stats(), float32_probability=True), logits, labels)
    assert official.isinf() and not gradient.isfinite().all()
    value, gradient = value_and_gradient(EFL(make_stats()), logits, labels)
    assert value.isfinite() and gradient.isfinite().all() and gradient[0, 0].item() == pytest.approx(0.75, rel=1e-5)


def test_where_both_are_finite_they_agree() -> None:
    official, loss = EFL(make_stats(), float32_probability=True), EFL(make_stats())
    for seed in range(3):
        logits, labels = make_batch(loss, seed=seed)
        expected, expected_gradient = value_and_gradient(official, logits, labels)
        value, gradient = value_and_gradient(loss, logits, labels)
        torch.testing.assert_close(value, expected, rtol=1e-9, atol=0)
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-7, atol=1e-12)


def test_the_first_call_is_the_focal_loss() -> None:
    logits, labels = make_batch(EFL(make_stats()))
    for one, other in zip(
        value_and_gradient(EFL(make_stats()), logits, labels),
        value_and_gradient(Focal(make_stats()), logits, labels),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_the_state_is_the_gradient_itself() -> None:
    loss = EFL(make_stats())
    positive, negative = torch.zeros(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    for seed in range(3):
        logits, labels = make_batch(loss, seed=seed)
        _, gradient = value_and_gradient(loss, logits, labels)
        own = labels[:, None] == torch.arange(5)
        positive += (gradient.abs() * own).sum(dim=0)
        negative += (gradient.abs() * ~own).sum(dim=0)
    torch.testing.assert_close(loss.pos_grad, positive)
    torch.testing.assert_close(loss.neg_grad, negative)
    torch.testing.assert_close(loss.gamma(), 2 + 8 * (1 - (positive / negative).clamp(0, 1)), rtol=1e-6, atol=0)


def test_what_the_sum_is_divided_by() -> None:
    logits, labels = make_batch(EFL(make_stats()))
    by_foreground, _ = value_and_gradient(EFL(make_stats()), logits, labels)
    by_rois, _ = value_and_gradient(EFL(make_stats(), normalize_by="rois"), logits, labels)
    assert (by_foreground * 6).item() == pytest.approx((by_rois * 9).item())
