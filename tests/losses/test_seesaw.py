from __future__ import annotations

import pytest
import torch
from loss_cases import make_batch, make_stats, value_and_gradient
from lt_bench.losses.seesaw import Seesaw
from torch.nn.functional import cross_entropy


def test_without_its_factors_it_is_cross_entropy() -> None:
    loss = Seesaw(make_stats(), p=0.0, q=0.0)
    logits, labels = make_batch(loss)
    terms = loss(logits, labels)
    assert isinstance(terms, dict)
    foreground = labels < 5
    expected = cross_entropy(logits[foreground, :5], labels[foreground], reduction="sum") / len(labels)
    assert terms["loss_cls_classes"].item() == pytest.approx(expected.item())


def test_mitigation_weakens_the_push_on_the_rarer_class() -> None:
    loss = Seesaw(make_stats(), q=0.0)
    loss(torch.zeros(20, 7), torch.tensor([0] * 19 + [1]))
    _, gradient = value_and_gradient(loss.eval(), torch.zeros(2, 7), torch.tensor([0, 2]))
    assert gradient[0, 1] / gradient[1, 1] < 0.5  # 1 against 19 RoIs, then 1 against none
    assert gradient[0, 1] < gradient[1, 0]
