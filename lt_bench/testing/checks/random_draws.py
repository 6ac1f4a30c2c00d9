"""Random draws come from the state of the loss, not from the global generators."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, call, evaluate, fork, require_equal, seeded
from lt_bench.testing.result import Wrong

SEEDS = (1, 2)
CALLS = 3


def random_draws(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        loss = under_test.build(case.stats, seed=SEEDS[0])
        resumed = under_test.build(case.stats, seed=SEEDS[1])
        resumed.load_state_dict(loss.state_dict())
        for number in range(CALLS):
            logits, labels = case.batch(loss.num_logits, number)
            other = evaluate(fork(loss), logits, labels, seed=SEEDS[1])
            _require_generators_untouched(fork(loss), logits, labels)
            continued = evaluate(resumed, logits, labels)
            expected = evaluate(loss, logits, labels)
            require_equal(expected, other, "the result depends on the global generators, which no checkpoint holds")
            require_equal(
                expected, continued, "made after another torch.manual_seed, it draws otherwise in spite of state_dict"
            )

    examine(all_cases(under_test.seed), test)
    return "global generators neither matter nor move; draws follow state_dict"


def _require_generators_untouched(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> None:
    with seeded(SEEDS[0]):
        before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
        leaf = logits.clone().requires_grad_()
        torch.autograd.grad(call(loss, leaf, labels.clone()), leaf)
        if not torch.equal(before[0], torch.get_rng_state()):
            raise Wrong("it draws from torch's global generator, which no checkpoint of a loss holds")
        if before[1:] != (random.getstate(), str(np.random.get_state())):
            raise Wrong("it draws from a global generator of numpy or Python, which no checkpoint holds")
