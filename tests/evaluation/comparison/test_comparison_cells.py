"""Numbers as they are shown."""

from __future__ import annotations

import pytest

from lt_bench.evaluation.comparison.cells import interval, points
from lt_bench.evaluation.comparison.intervals import Interval


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.00004, "0.00"), (0.00004, "0.00"), (0.0, "0.00"), (-0.00006, "-0.01"), (0.012, "+1.20"), (-0.5, "-50.00")],
)
def test_zero_has_no_sign(value: float, text: str) -> None:
    assert points(value) == text


def test_an_interval_that_ends_at_zero() -> None:
    assert interval(Interval(-0.02, -0.00001)) == "-2.00 to 0.00"
