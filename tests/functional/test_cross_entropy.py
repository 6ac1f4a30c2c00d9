"""Cross-entropy of large logits, which a CPU goes through in parts."""

from __future__ import annotations

import math

import pytest
import torch

from lt_bench.functional import chunks, cross_entropy


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROWWISE", 8)


def test_equal_logits_cost_the_log_of_the_channel_number() -> None:
    logits = torch.zeros(5, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([3, 0, 1, 1, 2])
    value = cross_entropy(logits, labels)
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == pytest.approx(5 * math.log(4))
    torch.testing.assert_close(gradient, 0.25 - torch.eye(4, dtype=torch.float64)[labels])


def test_their_gradient_is_not_differentiated_again() -> None:
    logits = torch.zeros(5, 4, requires_grad=True)
    value = cross_entropy(logits, torch.zeros(5, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="differentiated again"):
        torch.autograd.grad(value, logits, create_graph=True)
