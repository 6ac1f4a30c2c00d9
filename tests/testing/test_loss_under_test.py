"""How checks call a loss: generators are put back, arguments are not handed out, and what is wrong is named."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from broken_losses import Counting, Softmax
from torch import Tensor

from lt_bench.testing.cases import long_tail, make_case
from lt_bench.testing.loss_under_test import (
    Evaluation,
    LossUnderTest,
    evaluate,
    fork,
    require_equal,
    require_finite,
    seeded,
    total,
    train,
)
from lt_bench.testing.result import Wrong

CASE = make_case(long_tail(2), [0, 1, 2], seed=0)


def draw() -> tuple[float, float, float]:
    return torch.rand(()).item(), random.random(), float(np.random.random())


def test_seeded_repeats_draws_and_puts_the_generators_back() -> None:
    with seeded(5):
        expected = draw()
    draw()
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    with pytest.raises(KeyError), seeded(5):
        assert draw() == expected
        raise KeyError
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), str(np.random.get_state()))


def test_terms_are_summed_and_anything_but_scalars_is_wrong() -> None:
    assert total({"a": torch.tensor(1.0), "b": torch.tensor(2.0)}).item() == 3
    for output, said in (
        (torch.ones(2), r"no scalar tensor but \[2\]"),
        ({}, "empty dict"),
        ({"a": 1.0}, "but float"),
    ):
        with pytest.raises(Wrong, match=said):
            total(output)  # type: ignore[arg-type]


def test_value_and_gradient_are_those_of_autograd() -> None:
    loss = LossUnderTest(Softmax).build(CASE.stats)
    logits, labels = CASE.batch(3)
    found = evaluate(loss, logits, labels)
    leaf = logits.clone().requires_grad_()
    torch.nn.functional.cross_entropy(leaf, labels).backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    torch.testing.assert_close(found.gradient, leaf.grad)
    assert not logits.requires_grad and not found.value.requires_grad


class Constant(Softmax):
    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return torch.ones(())


class Unrelated(Softmax):
    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return torch.ones((), requires_grad=True) + 0


@pytest.mark.parametrize(("cls", "said"), [(Constant, "has no gradient"), (Unrelated, "does not depend on the logits")])
def test_a_loss_without_gradient_is_wrong(cls: type[Softmax], said: str) -> None:
    with pytest.raises(Wrong, match=said):
        evaluate(cls(CASE.stats), *CASE.batch(3))


def test_a_fork_has_a_state_of_its_own() -> None:
    loss = LossUnderTest(Counting).build(CASE.stats)
    copy = train(fork(loss), CASE, calls=2)
    assert isinstance(copy, Counting) and isinstance(loss, Counting)
    assert copy.seen.tolist() == [2, 2, 2]
    assert loss.seen.tolist() == [0, 0, 0]
    assert copy.stats is loss.stats


def test_what_is_not_finite_is_named() -> None:
    loss = Counting(CASE.stats)
    one, zeros = torch.ones(()), torch.zeros(2, 3)
    broken = zeros.clone()
    broken[1, 2] = torch.inf
    require_finite(loss, Evaluation(one, zeros))
    with pytest.raises(Wrong, match="the loss is nan"):
        require_finite(loss, Evaluation(one * torch.nan, zeros))
    with pytest.raises(Wrong, match="gradient has inf at RoI 1, channel 2"):
        require_finite(loss, Evaluation(one, broken))
    loss.seen = torch.full((3,), torch.nan)
    with pytest.raises(Wrong, match="the state seen is not finite"):
        require_finite(loss, Evaluation(one, zeros))


def test_evaluations_are_compared_to_the_bit() -> None:
    one, other = Evaluation(torch.tensor(1.0), torch.zeros(1, 1)), Evaluation(torch.tensor(1.0), torch.ones(1, 1))
    require_equal(one, one, "differs")
    with pytest.raises(Wrong, match="differs: 1 and 1"):
        require_equal(one, other, "differs")
