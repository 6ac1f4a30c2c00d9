"""Runs a check on its cases, compares what it measures, and makes a case that fails smaller."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, allclose

from lt_bench.testing.cases import Case
from lt_bench.testing.result import Failed, NotApplicable, reason

SHRINKING_ATTEMPTS = 60  # counted, not timed: the same seed must end with the same case


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


def relative(measured: Tensor, expected: Tensor) -> float:
    """The largest deviation from `expected`, relative to the largest entry there; 0 for tensors without entries."""
    if not expected.numel():
        return 0.0
    scale = expected.double().abs().max().clamp(min=1e-30)
    return largest([float((measured.double() - expected.double()).abs().max() / scale)])


def largest(deviations: Iterable[float]) -> float:
    """The largest of them; infinity if one is a NaN, which max() would pass over."""
    return max(math.inf if math.isnan(deviation) else deviation for deviation in deviations)


def differing(found: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float = 0.0) -> str | None:
    """The name of the first entry of two states that differs by more than `tolerance` relatively, or None."""
    if found.keys() != expected.keys():
        return ", ".join(sorted(found.keys() ^ expected.keys()))
    for name, value in expected.items():
        if not isinstance(value, Tensor):
            equal = bool(found[name] == value)
        elif found[name].shape != value.shape or found[name].dtype != value.dtype:
            equal = False
        else:
            equal = allclose(found[name].double(), value.double(), rtol=tolerance, atol=0, equal_nan=True)
        if not equal:
            return name
    return None
