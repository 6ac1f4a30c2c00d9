"""The same call twice gives the same result, and leaves its arguments alone."""

from __future__ import annotations

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, call, evaluate, fork, require_equal, seeded, train
from lt_bench.testing.result import Wrong


def repeatable(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        loss = train(under_test.build(case.stats), case, 1)
        logits, labels = case.batch(loss.num_logits)
        for dtype in (torch.float64, torch.float32):
            first, second = (evaluate(fork(loss), logits.to(dtype), labels) for _ in range(2))
            require_equal(first, second, "the same call twice gives two results")
            _require_inputs_unchanged(fork(loss), logits.to(dtype), labels)

    examine(all_cases(under_test.seed), test)
    return "bit-identical, logits and labels unchanged"


def _require_inputs_unchanged(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> None:
    leaf, given = logits.clone().requires_grad_(), labels.clone()
    with seeded(0):
        torch.autograd.grad(call(loss, leaf, given), leaf)
    if not torch.equal(leaf.detach(), logits):
        raise Wrong("the call changed the logits that it was given")
    if not torch.equal(given, labels):
        raise Wrong("the call changed the labels that it was given")
