"""Hyper-parameters out of their range are refused by name; what is taken stays finite."""

from __future__ import annotations

import inspect
import math
from typing import Any

from lt_bench.testing.cases import Case, draw_labels, long_tail, make_case
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate, require_finite
from lt_bench.testing.result import Failed, NotApplicable, Wrong, reason

NO_NUMBERS = (math.nan, math.inf, -math.inf)
FLOATS = (-1.0, -1e-9, 0.0, 1.0, 1e6)
INTS = (-1, 0, 1, 10**6)


def hyper_parameters(under_test: LossUnderTest) -> str:
    defaults = {
        parameter.name: parameter.default
        for parameter in list(inspect.signature(under_test.cls).parameters.values())[1:]  # the first is stats
        if type(parameter.default) in (int, float)
    }
    if not defaults:
        raise NotApplicable("no hyper-parameter with a number as default")
    refused = taken = 0
    for name, default in defaults.items():
        for value in (*NO_NUMBERS, *FLOATS) if type(default) is float else INTS:
            try:
                is_refused = _refuses(under_test, name, value)
            except Exception as error:
                raise Failed(f"{name}={value}: {reason(error)}", _ordinary(under_test.seed)) from error
            refused += is_refused
            taken += not is_refused
    return f"{', '.join(defaults)}: {refused} values refused by name, {taken} taken and finite"


def _ordinary(seed: int) -> Case:
    stats = long_tail(5)
    return make_case(stats, draw_labels(stats, 9, seed), seed)


def _refuses(under_test: LossUnderTest, name: str, value: Any) -> bool:
    """True if the loss refuses the value with a ValueError that names it; False if it takes it and stays finite."""
    case = _ordinary(under_test.seed)
    try:
        loss = under_test.build(case.stats, **{name: value})
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
