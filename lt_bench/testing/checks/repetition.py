"""What must not matter: the order of the RoIs, whether a call was made before, and the global generators."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.loss_under_test import (
    Evaluation,
    Subject,
    evaluate,
    examine,
    fork,
    relative,
    seeded,
    total,
    train,
)
from lt_bench.testing.result import Wrong

ORDER_LIMIT = 1e-9  # sums in another order, in float64
SEEDS = (1, 2)
CALLS = 3


def order(subject: Subject) -> str:
    def test(case: Case) -> float:
        loss = train(subject.build(case.stats), case, 1)
        logits, labels = case.batch(loss.num_logits)
        shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(case.seed))
        deviations = []
        expected = evaluate(fork(loss), logits, labels)
        for permutation in (shuffled, torch.arange(len(labels) - 1, -1, -1)):
            found = evaluate(fork(loss), logits[permutation], labels[permutation])
            deviations.append(relative(found.value, expected.value))
            deviations.append(relative(found.gradient, expected.gradient[permutation]))
        return max(deviations)

    worst = examine(all_cases(subject.seed), test, ORDER_LIMIT)
    return f"{worst:.1e} off in another order (limit {ORDER_LIMIT:.0e})"


def repeatable(subject: Subject) -> str:
    def test(case: Case) -> None:
        loss = train(subject.build(case.stats), case, 1)
        logits, labels = case.batch(loss.num_logits)
        for dtype in (torch.float64, torch.float32):
            first, second = (evaluate(fork(loss), logits.to(dtype), labels) for _ in range(2))
            _require_equal(first, second, "the same call twice gives two results")
            _require_inputs_unchanged(fork(loss), logits.to(dtype), labels)

    examine(all_cases(subject.seed), test)
    return "bit-identical, logits and labels unchanged"


def random_draws(subject: Subject) -> str:
    def test(case: Case) -> None:
        loss = subject.build(case.stats, seed=SEEDS[0])
        resumed = subject.build(case.stats, seed=SEEDS[1])
        resumed.load_state_dict(loss.state_dict())
        for call in range(CALLS):
            logits, labels = case.batch(loss.num_logits, call)
            other = evaluate(fork(loss), logits, labels, seed=SEEDS[1])
            _require_generators_untouched(fork(loss), logits, labels)
            continued = evaluate(resumed, logits, labels)
            expected = evaluate(loss, logits, labels)
            _require_equal(expected, other, "the result depends on the global generators, which no checkpoint holds")
            _require_equal(
                expected, continued, "made after another torch.manual_seed, it draws otherwise in spite of state_dict"
            )

    examine(all_cases(subject.seed), test)
    return "global generators neither matter nor move; draws follow state_dict"


def _require_equal(first: Evaluation, second: Evaluation, otherwise: str) -> None:
    if not (torch.equal(first.value, second.value) and torch.equal(first.gradient, second.gradient)):
        raise Wrong(f"{otherwise}: {first.value.item():.9g} and {second.value.item():.9g}")


def _require_inputs_unchanged(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> None:
    leaf, given = logits.clone().requires_grad_(), labels.clone()
    with seeded(0):
        torch.autograd.grad(total(loss(leaf, given)), leaf)
    if not torch.equal(leaf.detach(), logits):
        raise Wrong("the call changed the logits that it was given")
    if not torch.equal(given, labels):
        raise Wrong("the call changed the labels that it was given")


def _require_generators_untouched(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> None:
    with seeded(SEEDS[0]):
        before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
        leaf = logits.clone().requires_grad_()
        torch.autograd.grad(total(loss(leaf, labels.clone())), leaf)
        if not torch.equal(before[0], torch.get_rng_state()):
            raise Wrong("it draws from torch's global generator, which no checkpoint of a loss holds")
        if before[1:] != (random.getstate(), str(np.random.get_state())):
            raise Wrong("it draws from a global generator of numpy or Python, which no checkpoint holds")
