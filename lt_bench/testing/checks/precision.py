"""float32, float16 and bfloat16 against float64, on the same rounded logits."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine, largest, relative
from lt_bench.testing.loss_under_test import LossUnderTest, call, evaluate, fork, seeded, train
from lt_bench.testing.result import Wrong

# Some units in the last place of the type; float32's sums run over 1,203 classes.
LIMITS = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 2e-2}
SCORE_LIMITS = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def precision(under_test: LossUnderTest, dtype: torch.dtype) -> str:
    test = partial(_deviation, under_test, dtype)
    worst = examine(all_cases(under_test.seed), test, LIMITS[dtype])
    how = "" if dtype == torch.float32 else ", with autocast and without"
    return f"{worst:.1e} off float64 (limit {LIMITS[dtype]:.0e}){how}"


def _deviation(under_test: LossUnderTest, dtype: torch.dtype, case: Case) -> float:
    """The largest relative deviation of value and gradient."""
    loss = train(under_test.build(case.stats), case, 1)
    logits, labels = case.batch(loss.num_logits)
    logits = logits.to(dtype)
    _compare_scores(loss, logits)
    deviations = [_compare(loss, logits, labels, nullcontext())]
    if dtype != torch.float32:
        # A classifier under autocast hands out half precision; one that normalises its weights, float32.
        for given in (logits, logits.float()):
            deviations.append(_compare(loss, given, labels, torch.autocast("cpu", dtype)))
    return largest(deviations)


def _compare(loss: LongTailLoss, logits: Tensor, labels: Tensor, context: AbstractContextManager[object]) -> float:
    expected = evaluate(fork(loss), logits.double(), labels)
    leaf = logits.clone().requires_grad_()
    with seeded(0):
        with context:
            value = call(fork(loss), leaf, labels.clone())
        (gradient,) = torch.autograd.grad(value, leaf)
    if value.dtype != torch.float32:
        raise Wrong(f"the loss of {_name(logits.dtype)} logits is {_name(value.dtype)}, expected float32")
    if gradient.dtype != logits.dtype:
        raise Wrong(f"the gradient of {_name(logits.dtype)} logits is {_name(gradient.dtype)}")
    return largest([relative(value.detach(), expected.value), _by_row(gradient, expected.gradient)])


def _by_row(gradient: Tensor, expected: Tensor) -> float:
    """The largest deviation relative to its RoI's largest entry, so that RoIs of little weight count as well."""
    scale = expected.abs().amax(dim=1, keepdim=True)
    scale = scale.clamp(min=max(1e-3 * float(scale.max()), 1e-30))
    return float(((gradient.double() - expected) / scale).abs().max())  # NaN for a NaN


def _compare_scores(loss: LongTailLoss, logits: Tensor) -> None:
    with torch.no_grad():
        deviation = (loss.scores(logits.clone()).double() - loss.scores(logits.double())).abs().max().item()
    limit = SCORE_LIMITS[logits.dtype]
    if not deviation <= limit:
        raise Wrong(f"scores of {_name(logits.dtype)} logits are {deviation:.1e} off float64, limit {limit:.0e}")
