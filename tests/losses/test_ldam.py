from __future__ import annotations

import pytest
import torch
from loss_cases import make_batch, make_stats
from lt_bench.losses.ldam import LDAM
from torch import Tensor

from lt_bench.api.context import Epoch, LossContext


def value(loss: LDAM, logits: Tensor, labels: Tensor, step: int) -> float:
    found = loss(logits, labels, context=LossContext(epoch=Epoch(step, 10)))
    assert isinstance(found, Tensor)
    return found.item()


def test_deferred_weights_set_in_at_their_share_of_the_training() -> None:
    deferred, never = LDAM(make_stats(), drw=True, beta=0.99), LDAM(make_stats())
    logits, labels = make_batch(never)
    plain = never(logits / 10, labels)
    assert isinstance(plain, Tensor)
    for step in (0, 7):
        assert value(deferred, logits / 10, labels, step) == pytest.approx(plain.item())
    late = value(deferred, logits / 10, labels, 8)
    assert value(deferred, logits / 10, labels, 10) == late != pytest.approx(plain.item())


def test_deferred_weights_are_effective_numbers() -> None:
    loss = LDAM(make_stats(), max_m=0.0, s=1.0, drw=True, beta=0.99)
    logits, labels = make_batch(loss)
    counts = [2700, 6, 120, 3, 900]
    weight = torch.tensor([(1 - 0.99) / (1 - 0.99**count) for count in counts] + [1 - 0.99], dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(logits, labels, weight=weight)  # torch's weighted mean
    assert value(loss, logits, labels, 9) == pytest.approx(expected.item())


def test_deferred_weights_need_an_epoch_and_the_plain_loss_none() -> None:
    logits, labels = make_batch(LDAM(make_stats()))
    LDAM(make_stats())(logits, labels)
    with pytest.raises(ValueError, match=r"LDAM: needs context\.epoch"):
        LDAM(make_stats(), drw=True)(logits, labels)


def test_no_rois_late_in_training() -> None:
    loss = LDAM(make_stats(), drw=True)
    assert value(loss, torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64), 9) == 0


def test_margins_of_the_rarest_and_of_background() -> None:
    margin = LDAM(make_stats(), max_m=0.4, background_margin=0.1).margin
    assert margin.max().item() == pytest.approx(0.4) == margin[3].item()
    assert margin[0].item() == pytest.approx(0.4 * (3 / 2700) ** 0.25)
    assert margin[-1].item() == 0.1
