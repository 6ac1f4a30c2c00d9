"""What a loss needs beside the logits: it refuses to go without, and makes sense of what training gives it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lt_bench.api.context import Assignment, Epoch, LossContext
from lt_bench.api.loss import LongTailLoss
from lt_bench.api.made_context import made_context
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine, relative
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate, fork, require_finite, seeded, train
from lt_bench.testing.result import NotApplicable, Wrong, reason

LIMIT = 1e-9  # ground truths under other numbers, in float64
EPOCHS = (Epoch(0, 10), Epoch(5, 10), Epoch(10, 10))


def context(under_test: LossUnderTest) -> str:
    cases = all_cases(under_test.seed)
    needs = under_test.build(cases[0].stats).needs
    if not needs:
        raise NotApplicable("needs nothing beside logits and labels")

    def test(case: Case) -> float:
        loss = train(under_test.build(case.stats), case, 1)
        logits, labels = case.batch(loss.num_logits)
        told = made_context(loss, labels)
        for need in needs:
            _require_answer(loss, logits, labels, replace(told, **{str(need): None}), need in loss.can_do_without, need)
        for epoch in EPOCHS:
            require_finite(loss, evaluate(fork(loss), logits, labels, context=replace(told, epoch=epoch)))
        if "assignment" not in needs:
            return 0.0
        short = Assignment(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
        if len(labels) > 1:
            _require_answer(loss, logits, labels, replace(told, assignment=short), False, "an assignment of one RoI")
        shared = [
            evaluate(
                fork(loss), logits, labels, context=LossContext(_by_label(labels, first), told.classifier, EPOCHS[1])
            )
            for first in (0, 7)
        ]
        require_finite(loss, shared[0])
        return relative(shared[1].gradient, shared[0].gradient)

    worst = examine(cases, test, LIMIT)
    return f"{', '.join(needs)}: refused or done without as stated; {worst:.1e} off with ground truths renumbered"


def _by_label(labels: Tensor, first: int) -> Assignment:
    """All RoIs of a class belong to one ground truth. first: the smallest number of a ground truth."""
    background = labels == labels.max()
    return Assignment(torch.zeros_like(labels), torch.where(background, -1, labels + first))


def _require_answer(
    loss: LongTailLoss, logits: Tensor, labels: Tensor, told: LossContext, accepted: bool, what: str
) -> None:
    """That the loss takes the context, or refuses it with a ValueError."""
    try:
        with seeded(0):
            fork(loss)(logits, labels, context=told)
    except ValueError as error:
        if accepted:
            raise Wrong(f"it can do without {what}, it says, but {reason(error)}") from error
    else:
        if not accepted:
            raise Wrong(f"{what}: expected a ValueError, but the loss took it")
