"""The loss under examination, and how every check calls it."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import Case
from lt_bench.testing.result import Failed, NotApplicable, Wrong, reason

SHRINKING_ATTEMPTS = 60  # counted, not timed: the same seed must end with the same case


@dataclass(frozen=True)
class Subject:
    """A loss class with the hyper-parameters that it is checked with. seed: what all made-up numbers follow from."""

    cls: type[LongTailLoss]
    seed: int = 0
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)

    def build(self, stats: ClassStats, seed: int | None = None, **more: Any) -> LongTailLoss:
        """A new instance, made while the global generators are at `seed`."""
        with seeded(self.seed if seed is None else seed):
            return self.cls(stats, **{**self.hyper_parameters, **more})


class Evaluation(NamedTuple):
    value: Tensor  # scalar
    gradient: Tensor  # [N, K], in the type of the logits


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global generators of torch, numpy and Python at `seed`, and back where they were afterwards."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def total(output: Tensor | dict[str, Tensor]) -> Tensor:
    """What a loss returned, summed to one scalar. Raises Wrong if it is no scalar and no dict of scalars."""
    terms = list(output.values()) if isinstance(output, dict) else [output]
    for term in terms:
        if not isinstance(term, Tensor) or term.ndim:
            shape = list(term.shape) if isinstance(term, Tensor) else type(term).__name__
            raise Wrong(f"the loss is no scalar tensor but {shape}")
    if not terms:
        raise Wrong("the loss is an empty dict")
    return torch.stack(terms).sum() if len(terms) > 1 else terms[0]


def evaluate(loss: LongTailLoss, logits: Tensor, labels: Tensor, seed: int = 0) -> Evaluation:
    """Value and gradient of one call that moves the state of `loss`; neither logits nor labels are handed out."""
    leaf = logits.detach().clone().requires_grad_()
    # The global generators are at the same place for every call: only one check is about them.
    with seeded(seed):
        value = total(loss(leaf, labels.clone()))
        gradient = _gradient(value, leaf)
    return Evaluation(value.detach(), gradient)


def _gradient(value: Tensor, leaf: Tensor) -> Tensor:
    if not value.requires_grad:
        raise Wrong("the loss has no gradient: backward would fail, or wait for ever for the other ranks")
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    if gradient is None:
        raise Wrong("the loss does not depend on the logits: their gradient is None")
    return gradient


def fork(loss: LongTailLoss) -> LongTailLoss:
    """A copy with a state of its own."""
    stats = getattr(loss, "stats", None)
    return copy.deepcopy(loss, {id(stats): stats})  # thousands of counts that nothing changes


def train(loss: LongTailLoss, case: Case, calls: int) -> LongTailLoss:
    """The loss after `calls` further calls on the case's labels, each with other logits."""
    for call in range(1, calls + 1):
        evaluate(loss, *case.batch(loss.num_logits, call))
    return loss


def require_finite(loss: LongTailLoss, evaluation: Evaluation) -> None:
    """Raises Wrong when value, gradient or state has a NaN or an infinity."""
    if not evaluation.value.isfinite():
        raise Wrong(f"the loss is {evaluation.value.item()}")
    if not evaluation.gradient.isfinite().all():
        row, column = (~evaluation.gradient.isfinite()).nonzero()[0].tolist()
        raise Wrong(f"the gradient has {evaluation.gradient[row, column].item()} at RoI {row}, channel {column}")
    for name, value in loss.state_dict().items():
        if isinstance(value, Tensor) and not value.isfinite().all():
            raise Wrong(f"the state {name} is not finite after the call")


def relative(measured: Tensor, expected: Tensor) -> float:
    """The largest deviation from `expected`, relative to the largest entry there; 0 for tensors without entries."""
    if not expected.numel():
        return 0.0
    scale = expected.double().abs().max().clamp(min=1e-30)
    return largest([float((measured.double() - expected.double()).abs().max() / scale)])


def largest(deviations: Iterable[float]) -> float:
    """The largest of them; infinity if one is a NaN, which max() would pass over."""
    return max(math.inf if math.isnan(deviation) else deviation for deviation in deviations)


def examine(
    cases: Iterable[Case], test: Callable[[Case], float | None], limit: float = 0.0, shrink: bool = True
) -> float:
    """Run `test` on the cases in turn; the largest deviation that it returned.

    Raises Failed for the first case where it returns more than `limit` or raises, with `shrink` made smaller
    while that still fails.
    """
    worst = 0.0
    for case in cases:
        deviation, problem = _attempt(test, case, limit)
        if problem is not None:
            raise Failed(*_smallest(test, case, problem, limit)) if shrink else Failed(problem, case)
        worst = max(worst, deviation)
    return worst


def _attempt(test: Callable[[Case], float | None], case: Case, limit: float) -> tuple[float, str | None]:
    try:
        deviation = test(case) or 0.0
    except NotApplicable:
        raise
    except (Exception, SystemExit) as error:  # a plugin may fail in any way
        return 0.0, reason(error)
    # A NaN is no deviation within the limit.
    return deviation, None if deviation <= limit else f"deviation {deviation:.1e}, limit {limit:.0e}"


def _smallest(test: Callable[[Case], float | None], case: Case, problem: str, limit: float) -> tuple[str, Case]:
    attempts = 0
    shrinking = True
    while shrinking:
        shrinking = False
        for smaller in case.fewer():
            attempts += 1
            if attempts > SHRINKING_ATTEMPTS:
                return problem, case
            found = _attempt(test, smaller, limit)[1]
            if found is not None:
                case, problem, shrinking = smaller, found, True
                break
    return problem, case
