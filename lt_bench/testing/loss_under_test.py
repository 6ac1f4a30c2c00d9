"""The loss that is checked, and how every check calls it."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import LossContext
from lt_bench.api.loss import LongTailLoss
from lt_bench.api.made_context import made_context
from lt_bench.testing.cases import Case
from lt_bench.testing.result import Wrong


@dataclass(frozen=True)
class LossUnderTest:
    """A loss class with the hyper-parameters that it is checked with. seed: what all synthetic numbers follow from."""

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


def call(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> Tensor:
    """The total of one call, with a context where the loss needs one."""
    told = {"context": made_context(loss, labels)} if loss.needs else {}
    return total(loss(logits, labels, **told))


def evaluate(
    loss: LongTailLoss, logits: Tensor, labels: Tensor, seed: int = 0, context: LossContext | None = None
) -> Evaluation:
    """Value and gradient of one call that moves the state of `loss`; neither logits nor labels are handed out.

    context: what the loss is told, by default one that is made up.
    """
    leaf = logits.detach().clone().requires_grad_()
    # The global generators are at the same place for every call: only one check is about them.
    with seeded(seed):
        if context is None or not loss.needs:
            value = call(loss, leaf, labels.clone())
        else:
            value = total(loss(leaf, labels.clone(), context=context))
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


def require_equal(first: Evaluation, second: Evaluation, otherwise: str) -> None:
    """Raises Wrong, which says `otherwise`, unless two evaluations agree in every bit."""
    if not (torch.equal(first.value, second.value) and torch.equal(first.gradient, second.gradient)):
        raise Wrong(f"{otherwise}: {first.value.item():.9g} and {second.value.item():.9g}")
