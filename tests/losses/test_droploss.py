"""Which negatives DropLoss leaves out, and its draws. GOL draws and drops as it does."""

from __future__ import annotations

import pytest
import torch
from loss_cases import make_stats, value_and_gradient
from lt_bench.losses.droploss import DropLoss
from lt_bench.losses.gol import GOL

LAMBDA = 0.0025  # of 1,000 images: classes 1 and 3, in 2 and 1 of them, are of the tail
Cls = type[DropLoss] | type[GOL]


@pytest.fixture(params=[DropLoss, GOL])
def cls(request: pytest.FixtureRequest) -> Cls:
    found: Cls = request.param
    return found


def counted(loss: DropLoss | GOL, labels: list[int], uniform: float) -> list[list[bool]]:
    """Which entries have a gradient, where all numbers drawn are `uniform`."""
    loss.draw_sample = lambda labels: torch.full((len(labels), 5), uniform)  # type: ignore[method-assign]
    _, gradient = value_and_gradient(loss, torch.zeros(len(labels), 5), torch.tensor(labels))
    return (gradient != 0).tolist()


def test_objects_leave_out_all_negatives_of_the_tail(cls: Cls) -> None:
    counts = counted(cls(make_stats(), lambda_=LAMBDA), [0, 1, 4], uniform=0.0)
    of_others, of_one = [True, False, True, False, True], [True, True, True, False, True]
    assert counts == [of_others, of_one, of_others]


@pytest.mark.parametrize(("uniform", "kept"), [(0.49, True), (0.5, True), (0.51, False)])
def test_background_keeps_the_share_of_tail_objects(cls: Cls, uniform: float, kept: bool) -> None:
    """One of two objects is of the tail."""
    counts = counted(cls(make_stats(), lambda_=LAMBDA), [0, 1, 5, 5], uniform)
    assert counts[2:] == [[True, kept, True, kept, True]] * 2


def test_without_an_object_nothing_is_left_out_and_without_one_of_the_tail_all_is(cls: Cls) -> None:
    loss = cls(make_stats(), lambda_=LAMBDA)
    assert counted(loss, [5, 5], uniform=0.999) == [[True] * 5] * 2
    assert counted(loss, [0, 5], uniform=0.001)[1] == [True, False, True, False, True]


def test_without_a_tail_it_is_binary_cross_entropy() -> None:
    logits, labels = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 5, 5])
    target = torch.nn.functional.one_hot(labels, 6)[:, :5].float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum") / 4
    torch.testing.assert_close(DropLoss(make_stats(), lambda_=0.0)(logits, labels), expected)


def test_draws_differ_by_call_and_follow_the_checkpoint(cls: Cls) -> None:
    labels = torch.tensor([5] * 8)
    torch.manual_seed(0)
    loss = cls(make_stats())
    state = torch.get_rng_state()
    first = loss.draw_sample(labels)
    assert first.shape == (8, 5)
    assert ((first >= 0) & (first < 1)).all()
    assert not torch.equal(loss.draw_sample(labels), first)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    resumed = cls(make_stats())
    resumed.load_state_dict(loss.state_dict())
    assert all(torch.equal(resumed.draw_sample(labels), loss.draw_sample(labels)) for _ in range(3))
