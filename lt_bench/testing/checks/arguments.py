"""What a loss refuses: a batch that is none, and hyper-parameters out of their range."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lt_bench.testing.cases import Case, draw_labels, long_tail, make_case, small_cases
from lt_bench.testing.loss_under_test import Subject, evaluate, examine, require_finite, seeded
from lt_bench.testing.result import Failed, NotApplicable, Wrong, reason

NO_NUMBERS = (math.nan, math.inf, -math.inf)
FLOATS = (-1.0, -1e-9, 0.0, 1.0, 1e6)
INTS = (-1, 0, 1, 10**6)


def arguments(subject: Subject) -> str:
    def test(case: Case) -> None:
        loss = subject.build(case.stats)
        logits, labels = case.batch(loss.num_logits)
        for what, bad_logits, bad_labels in _bad_batches(logits, labels, loss.num_classes):
            try:
                with seeded(subject.seed):
                    loss(bad_logits, bad_labels)
            except ValueError:
                continue
            except Exception as error:
                raise Wrong(f"{what}: expected a ValueError, got {reason(error)}") from error
            raise Wrong(f"{what}: expected a ValueError, but the loss took it")

    examine(small_cases(subject.seed), test)
    return "a wrong shape, a wrong type and labels out of range are each a ValueError"


def _bad_batches(logits: Tensor, labels: Tensor, num_classes: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    yield "logits with a channel too many", torch.cat([logits, logits[:, :1]], dim=1), labels
    yield "logits with a channel too few", logits[:, 1:], labels
    yield "logits with three dimensions", logits[None], labels
    yield "integer logits", logits.long(), labels
    yield "int32 labels", logits, labels.int()
    yield "float labels", logits, labels.double()
    yield "a label too few", logits, labels[1:]
    yield "labels with two dimensions", logits, labels[:, None]
    for label in (-1, num_classes + 1):
        bad = labels.clone()
        bad[-1] = label
        yield f"the label {label} of {num_classes} classes", logits, bad


def hyper_parameters(subject: Subject) -> str:
    defaults = {
        parameter.name: parameter.default
        for parameter in list(inspect.signature(subject.cls).parameters.values())[1:]  # the first is stats
        if type(parameter.default) in (int, float)
    }
    if not defaults:
        raise NotApplicable("no hyper-parameter with a number as default")
    refused = taken = 0
    for name, default in defaults.items():
        for value in (*NO_NUMBERS, *FLOATS) if type(default) is float else INTS:
            try:
                is_refused = _refuses(subject, name, value)
            except Exception as error:
                raise Failed(f"{name}={value}: {reason(error)}", _ordinary(subject.seed)) from error
            refused += is_refused
            taken += not is_refused
    return f"{', '.join(defaults)}: {refused} values refused by name, {taken} taken and finite"


def _ordinary(seed: int) -> Case:
    stats = long_tail(5)
    return make_case(stats, draw_labels(stats, 9, seed), seed)


def _refuses(subject: Subject, name: str, value: Any) -> bool:
    """True if the loss refuses the value with a ValueError that names it; False if it takes it and stays finite."""
    case = _ordinary(subject.seed)
    try:
        loss = subject.build(case.stats, **{name: value})
    except ValueError as error:
        if name not in str(error):
            raise Wrong(f"refused, but the ValueError does not name it: {reason(error)}") from error
        return True
    except Exception as error:
        raise Wrong(f"expected a ValueError, got {reason(error)}") from error
    if value in NO_NUMBERS[1:] or value != value:
        raise Wrong("taken, expected a ValueError that names it")
    for call in range(3):
        require_finite(loss, evaluate(loss, *case.batch(loss.num_logits, call)))
    return False
