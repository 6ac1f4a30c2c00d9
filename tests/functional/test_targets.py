"""Positives and negatives: a label of K or above has no channel."""

from __future__ import annotations

import math

import pytest
import torch

from lt_bench import functional
from lt_bench.functional.targets import one_hot, softplus


def test_minus_infinity_in_the_last_channel_of_a_roi_without_a_channel_is_a_negative_of_no_loss() -> None:
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 3])
    logits[1, 2] = -torch.inf
    log_2 = torch.log(torch.tensor(2.0))
    torch.testing.assert_close(functional.binary_cross_entropy(logits, labels), 5 * log_2)
    expected = 0.25 * (0.25 + 4 * 0.75) * log_2
    torch.testing.assert_close(functional.focal_loss(logits, labels, alpha=0.25, gamma=2.0), expected)


@pytest.mark.parametrize("label", [2, 7])
def test_a_label_without_a_channel_is_no_positive(label: int) -> None:
    assert one_hot(torch.zeros(2, 2), torch.tensor([1, label])).tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize("z", [-700.0, -40.0, 0.0, 20.0, 30.0, 39.9, 40.1, 700.0])
def test_softplus_keeps_the_digits_of_float64(z: float) -> None:
    found = softplus(torch.tensor(z, dtype=torch.float64)).item()
    assert found == pytest.approx(math.log1p(math.exp(z)), rel=1e-15, abs=0)
