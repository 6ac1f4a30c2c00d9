"""A batch without RoIs: zero, with a gradient of zeros."""

from __future__ import annotations

import torch
from torch import nn

from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, call, evaluate, require_finite, seeded
from lt_bench.testing.result import Wrong


def no_rois(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        loss = under_test.build(case.stats)
        classifier = nn.Linear(8, loss.num_logits)
        with seeded(under_test.seed):
            value = call(loss, classifier(torch.zeros(0, 8)), torch.zeros(0, dtype=torch.int64))
        if value.item() != 0:
            raise Wrong(f"the loss of no RoIs is {value.item()}, expected 0")
        if not value.requires_grad:
            raise Wrong("the loss of no RoIs has no gradient: backward fails, and other ranks wait for this one")
        with seeded(under_test.seed):
            value.backward()  # type: ignore[no-untyped-call]
        for name, parameter in classifier.named_parameters():
            if parameter.grad is None or parameter.grad.any() or not parameter.grad.isfinite().all():
                raise Wrong(f"the classifier's {name} has no gradient of zeros after a batch without RoIs")
        require_finite(loss, evaluate(loss, *case.batch(loss.num_logits)))

    examine(all_cases(under_test.seed), test)
    return "value 0, gradient 0 down to the classifier, and usable afterwards"
