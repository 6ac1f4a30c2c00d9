"""The gradient against central differences of the loss itself, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine, largest
from lt_bench.testing.loss_under_test import LossUnderTest, call, evaluate, fork, seeded, train

STEP = 1e-4  # truncation and rounding of a central difference in float64 both stay below 1e-8
LIMIT = 1e-5  # of the gradient's largest entry
MOST_ENTRIES = 100  # logits up to which each one is moved by itself
CALLS_BEFORE = (0, 2)  # a new loss, and one that has collected state


def gradient(under_test: LossUnderTest) -> str:
    constant = dict(under_test.cls.differentiable_with)

    def test(case: Case) -> float:
        return largest(
            _deviation(train(under_test.build(case.stats, **constant), case, calls), case) for calls in CALLS_BEFORE
        )

    worst = examine(all_cases(under_test.seed), test, LIMIT)
    given = "".join(f", with {name}={value}" for name, value in constant.items())
    return f"{worst:.1e} off finite differences in float64 (limit {LIMIT:.0e}){given}"


def _deviation(loss: LongTailLoss, case: Case) -> float:
    """The largest deviation along any direction, relative to the largest slope."""
    logits, labels = case.batch(loss.num_logits)
    value, analytic = evaluate(fork(loss), logits, labels)
    slopes, differences = [1e-6 * max(1.0, abs(value.item()))], [0.0]  # the first is what differences resolve
    for direction in _directions(logits, labels, case.seed):
        slope = _slope(loss, logits, labels, direction)
        slopes.append(abs(slope))
        differences.append(abs(slope - float((analytic * direction).sum())))
    return largest(differences) / max(slopes)


def _directions(logits: Tensor, labels: Tensor, seed: int) -> Iterator[Tensor]:
    """Each logit where they are few, otherwise those of the labels and three directions through all of them."""
    if logits.numel() <= MOST_ENTRIES:
        entries = [(row, column) for row in range(logits.shape[0]) for column in range(logits.shape[1])]
    else:
        entries = [(row, min(label, logits.shape[1] - 1)) for row, label in enumerate(labels.tolist())]
        generator = torch.Generator().manual_seed(seed)
        for _ in range(3):
            yield torch.randn(logits.shape, dtype=logits.dtype, generator=generator)
    for row, column in entries:
        direction = torch.zeros_like(logits)
        direction[row, column] = 1
        yield direction


def _slope(loss: LongTailLoss, logits: Tensor, labels: Tensor, direction: Tensor) -> float:
    """The derivative of the loss along `direction`, from two calls; the state of `loss` stays as it is."""
    values = []
    for step in (STEP, -STEP):
        with seeded(0), torch.no_grad():
            values.append(call(fork(loss), logits + step * direction, labels.clone()).item())
    return (values[0] - values[1]) / (2 * STEP)
