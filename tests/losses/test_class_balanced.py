from __future__ import annotations

import pytest
import torch
from loss_cases import make_batch, make_stats, value_and_gradient
from lt_bench.losses.bce import BinaryCrossEntropy
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.class_balanced import ClassBalanced
from lt_bench.losses.eql import EQL


def test_without_beta_it_is_cross_entropy() -> None:
    logits, labels = make_batch(CrossEntropy(make_stats()))
    torch.testing.assert_close(
        ClassBalanced(make_stats(), beta=0.0)(logits, labels), CrossEntropy(make_stats())(logits, labels)
    )


def test_weights_follow_the_effective_number() -> None:
    """Of 2,700, 6, 120, 3 and 900 instances; with beta 0.9 a count of 120 is as good as any."""
    weight = ClassBalanced(make_stats(), beta=0.9).weight
    effective = torch.tensor([10, 4.68559, 10, 2.71, 10, 10], dtype=torch.float64)  # (1 - 0.9^n) / 0.1
    torch.testing.assert_close(weight, 6 / effective / (1 / effective).sum(), rtol=1e-4, atol=0)


def test_the_mean_is_over_rois_and_not_over_weights() -> None:
    loss = ClassBalanced(make_stats())
    logits = torch.zeros(1, 6, dtype=torch.float64)
    rare, frequent = (loss(logits, torch.tensor([label])).item() for label in (3, 0))
    assert rare / frequent == pytest.approx((loss.weight[3] / loss.weight[0]).item())


def test_focal_without_gamma_is_sigmoid() -> None:
    sigmoid, focal = ClassBalanced(make_stats(), kind="sigmoid"), ClassBalanced(make_stats(), kind="focal", gamma=0.0)
    logits, labels = make_batch(sigmoid)
    for one, other in zip(
        value_and_gradient(sigmoid, logits, labels), value_and_gradient(focal, logits, labels), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_the_ratio_of_background_moves_small_data_alone() -> None:
    few, many = (ClassBalanced(make_stats([3, 2]), fg_bg_ratio=ratio).weight for ratio in (1.0, 50.0))
    assert not torch.allclose(few, many, rtol=0.1)
    large = make_stats([900_000, 1])
    weights = (ClassBalanced(large, fg_bg_ratio=ratio).weight for ratio in (1.0, 50.0))
    torch.testing.assert_close(next(weights), next(weights))


def test_the_baseline_is_eql_without_a_threshold() -> None:
    logits, labels = make_batch(BinaryCrossEntropy(make_stats()))
    for one, other in zip(
        value_and_gradient(BinaryCrossEntropy(make_stats()), logits, labels),
        value_and_gradient(EQL(make_stats(), lambda_=0.0), logits, labels),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
