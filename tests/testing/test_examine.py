"""A case that fails is made smaller; deviations and states are compared."""

from __future__ import annotations

import math

import pytest
import torch
from broken_losses import BrokenAllBackground

from lt_bench.testing import run_checks
from lt_bench.testing.cases import Case, long_tail, make_case
from lt_bench.testing.examine import differing, examine, largest, relative
from lt_bench.testing.result import Failed, NotApplicable, Wrong


def test_the_failing_case_is_small_and_fails_again_by_itself() -> None:
    case = run_checks(BrokenAllBackground, only=["all-background"])[0].case
    assert case is not None
    assert (case.stats.num_classes, case.labels) == (1, (1,))
    loss = BrokenAllBackground(case.stats)
    assert not loss(*case.batch(loss.num_logits)).isfinite()  # type: ignore[union-attr]


CASE = make_case(long_tail(5), [0, 1, 2, 3, 4, 5], seed=0)


def without_label_3(case: Case) -> None:
    if 3 in case.labels:
        raise Wrong("it can't bear class 3")


def test_the_smallest_case_that_fails_is_reported() -> None:
    with pytest.raises(Failed, match="can't bear class 3") as caught:
        examine([make_case(long_tail(5), [0, 1], seed=0), CASE], without_label_3)
    assert caught.value.case is not None
    assert caught.value.case.labels == (3,)
    with pytest.raises(Failed) as caught:
        examine([CASE], without_label_3, shrink=False)
    assert caught.value.case == CASE


def test_the_largest_deviation_is_returned_and_one_above_the_limit_fails() -> None:
    cases = [make_case(long_tail(5), [label], seed=0) for label in (1, 4, 2)]
    assert examine(cases, lambda case: float(case.labels[0]), limit=4.0) == 4.0
    for deviation in (4.1, math.nan):
        with pytest.raises(Failed, match=r"limit 4e\+00"):
            examine(cases, lambda case, value=deviation: value, limit=4.0)  # type: ignore[misc]


def test_what_is_not_applicable_is_no_failure() -> None:
    def test(case: Case) -> None:
        raise NotApplicable("no state")

    with pytest.raises(NotApplicable):
        examine([CASE], test)


def test_deviations_are_relative_to_the_largest_entry() -> None:
    assert relative(torch.tensor([1.0, -4.5]), torch.tensor([1.0, -4.0])) == 0.125
    assert relative(torch.zeros(0), torch.zeros(0)) == 0.0
    assert largest([1.0, math.nan, 2.0]) == math.inf


def test_the_first_entry_that_differs_is_named() -> None:
    state = {"same": torch.ones(2), "other": torch.tensor([1.0, 100.0])}
    assert differing(state, state) is None
    assert differing(state, {**state, "other": torch.tensor([1.0, 101.0])}) == "other"
    assert differing(state, {**state, "other": torch.tensor([1.0, 101.0])}, tolerance=0.01) is None
    assert differing(state, {**state, "other": state["other"].double()}) == "other"
    assert differing(state, {"same": torch.ones(2)}) == "other"
