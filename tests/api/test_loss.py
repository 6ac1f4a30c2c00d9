"""What the base class does for every loss."""

from __future__ import annotations

import pytest
import torch
from loss_cases import LOSSES, make_batch, make_stats
from torch import Tensor

from lt_bench.api.loss import LongTailLoss, widen


@pytest.mark.parametrize("name", LOSSES)
def test_bad_arguments_are_value_errors(name: str) -> None:
    loss = LOSSES[name](make_stats())
    logits, labels = make_batch(loss)
    bad: list[tuple[Tensor, Tensor]] = [
        (logits[:, :-1], labels),
        (logits, labels[:-1]),
        (logits, labels.int()),
        (logits.long(), labels),
        (logits, labels + 1),
        (logits, labels - 6),
    ]
    for arguments in bad:
        with pytest.raises(ValueError, match=type(loss).__name__):
            loss(*arguments)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_only_half_precision_is_widened(given: torch.dtype, expected: torch.dtype) -> None:
    logits = torch.tensor([0.5, -3.0], dtype=given)
    assert widen(logits).dtype == expected
    assert widen(logits).tolist() == [0.5, -3.0]


def test_one_process_is_its_own_sum_and_passes_no_gradient() -> None:
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    found = LongTailLoss.sum_over_ranks(value)
    assert found.tolist() == [1.0, 2.0]
    assert not found.requires_grad
