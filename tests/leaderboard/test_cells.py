from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from lt_bench.leaderboard.cells import duration, mean_and_deviation, number_of_runs, points


def test_mean_and_sample_standard_deviation() -> None:
    values = [0.2512345, 0.2601, 0.24377]
    percent = [100 * value for value in values]
    assert mean_and_deviation(np.array(values)) == f"{statistics.mean(percent):.2f} ± {statistics.stdev(percent):.2f}"
    assert mean_and_deviation(np.array([math.nan, 0.25, math.nan])) == "25.00"
    assert mean_and_deviation(np.array([math.nan])) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "+1.2"), (-0.0349, "-3.5"), (0.0004, "0.0"), (-0.0004, "0.0"), (math.nan, "-"), (0.00051, "+0.1")],
)
def test_a_difference_has_a_sign_unless_it_is_nothing(value, text) -> None:
    assert points(value) == text


def test_one_run_says_so() -> None:
    assert [number_of_runs(count) for count in (1, 2, 10)] == ["1 (single run)", "2", "10"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3599.9, "1:00:00"), (90061, "25:01:01")]
)
def test_duration(seconds, text) -> None:
    assert duration(seconds) == text
