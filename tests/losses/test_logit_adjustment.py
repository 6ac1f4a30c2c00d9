"""Shifts by the prior: logit adjustment, and Balanced Softmax in its sigmoid form."""

from __future__ import annotations

import math

import pytest
import torch
from loss_cases import make_batch, make_stats, value_and_gradient
from lt_bench.losses.balanced_softmax import BalancedSoftmax
from lt_bench.losses.bce import BinaryCrossEntropy
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.logit_adjustment import LogitAdjustment

from lt_bench.api.class_stats import ClassStats


def test_without_tau_it_is_cross_entropy() -> None:
    logits, labels = make_batch(CrossEntropy(make_stats()))
    value = LogitAdjustment(make_stats(), tau=0.0)(logits, labels)
    torch.testing.assert_close(value, CrossEntropy(make_stats())(logits, labels))


def test_background_is_shifted_as_a_class_of_mean_count() -> None:
    shift = LogitAdjustment(make_stats([10, 20, 30])).shift
    torch.testing.assert_close(shift.exp(), torch.tensor([0.5, 1, 1.5, 1], dtype=torch.float64))
    shift = LogitAdjustment(make_stats([10, 20, 30]), tau=2.0, background_prior=3.0).shift
    torch.testing.assert_close(shift.exp(), torch.tensor([0.25, 1, 2.25, 9], dtype=torch.float64))


def test_scores_are_not_shifted() -> None:
    logits, _ = make_batch(CrossEntropy(make_stats()))
    torch.testing.assert_close(LogitAdjustment(make_stats()).scores(logits), logits.softmax(dim=1))


def test_the_sigmoid_form_shifts_objects_alone() -> None:
    loss = BalancedSoftmax(make_stats())
    logits, labels = torch.zeros(2, 5, dtype=torch.float64), torch.tensor([0, 5])
    _, gradient = value_and_gradient(loss, logits, labels)
    frequency = torch.tensor([0.9, 0.002, 0.04, 0.001, 0.3], dtype=torch.float64)
    target = torch.tensor([1.0, 0, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(2 * gradient[0], frequency - target)  # sigmoid(log(f / (1 - f))) = f
    assert (2 * gradient[1]).tolist() == pytest.approx([0.5] * 5)
    background = torch.full((2,), 5)
    assert loss(logits, background).item() == pytest.approx(5 * math.log(2))
    torch.testing.assert_close(loss(logits, background), BinaryCrossEntropy(make_stats())(logits, background))


def test_a_class_in_every_image_is_shifted_by_a_finite_number() -> None:
    loss = BalancedSoftmax(ClassStats([10, 3], [10, 3], 10))
    assert loss.shift.tolist() == pytest.approx([math.log(0.95 / 0.05), math.log(0.3 / 0.7)])
