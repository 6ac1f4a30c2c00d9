"""The state: a checkpoint holds all of it, and evaluation leaves it alone."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import differing, examine
from lt_bench.testing.loss_under_test import Evaluation, LossUnderTest, evaluate, fork, train
from lt_bench.testing.result import NotApplicable, Wrong

CALLS = 3


def checkpoint(under_test: LossUnderTest) -> str:
    stateless = []

    def test(case: Case) -> None:
        loss = train(under_test.build(case.stats), case, 2)
        stateless.append(not loss.state_dict())
        resumed = under_test.build(case.stats)
        resumed.load_state_dict(_saved_and_loaded(loss.state_dict()))
        _require_evaluation_idle(loss, case)
        for call in range(CALLS):
            logits, labels = case.batch(loss.num_logits, 10 + call)
            found, expected = evaluate(resumed, logits, labels), evaluate(loss, logits, labels)
            _require_continued(found, expected, not loss.state_dict(), call)
        difference = differing(resumed.state_dict(), loss.state_dict())
        if difference:
            raise Wrong(f"{CALLS} calls after loading a checkpoint, {difference} differs")

    examine(all_cases(under_test.seed), test)
    if all(stateless):
        raise NotApplicable("no state: state_dict is empty, and a later call equals a new instance's")
    return f"saved and loaded, it continues bit-identically for {CALLS} calls; evaluation leaves the state alone"


def _saved_and_loaded(state: Mapping[str, Any]) -> Any:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def _require_continued(found: Evaluation, expected: Evaluation, stateless: bool, call: int) -> None:
    if torch.equal(found.value, expected.value) and torch.equal(found.gradient, expected.gradient):
        return
    values = f"{found.value.item():.9g} instead of {expected.value.item():.9g}"
    if stateless:
        raise Wrong(f"earlier calls change later ones, but state_dict is empty: {values}")
    raise Wrong(f"loaded from a checkpoint, call {call + 1} gives {values}")


def _require_evaluation_idle(loss: LongTailLoss, case: Case) -> None:
    """Three calls in evaluation mode move neither the state nor the training call after them."""
    idle = fork(loss)
    idle.eval()
    for call in range(CALLS):
        evaluate(idle, *case.batch(loss.num_logits, 20 + call))
    idle.train()
    difference = differing(idle.state_dict(), loss.state_dict())
    if difference:
        raise Wrong(f"a call in evaluation mode changes {difference}")
    after, expected = (evaluate(one, *case.batch(loss.num_logits)) for one in (idle, fork(loss)))
    if not torch.equal(after.value, expected.value):
        raise Wrong("calls in evaluation mode change the training calls after them")
