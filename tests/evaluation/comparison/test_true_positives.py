from __future__ import annotations

import numpy as np

from lt_bench.evaluation.comparison.class_rows import ClassRows
from lt_bench.evaluation.comparison.true_positives import ALL, true_positives


def rows(*outcomes: tuple[int, int]) -> ClassRows:
    correct, ignored = np.array(outcomes, dtype=np.uint16).reshape(-1, 2).T
    return ClassRows(np.arange(len(outcomes), dtype=np.int32), correct, ignored)


def test_by_hand() -> None:
    """The first threshold has true positives only; the others lose the second of them, which one of them ignores."""
    others = ALL - 1
    found = true_positives(rows((0, ALL), (ALL, 0), (1, 2), (0, ALL), (ALL, 0), (0, 0), (ALL, 0), (0, 0), (0, others)))
    np.testing.assert_array_equal(found.source, [1, 2, 4, 5, 6])
    np.testing.assert_array_equal(found.at, [0, 1, 2, 4])
    first, second, third = found.thresholds
    assert (first.times, second.times, third.times) == (1, 1, 8)
    assert (first.lowest, second.lowest, third.lowest) == (True, False, False)
    np.testing.assert_array_equal(first.hits, [0, 1, 2, 3])
    np.testing.assert_array_equal(first.ends, [2, 3])
    np.testing.assert_array_equal(second.hits, [0, 2, 3])
    np.testing.assert_array_equal(second.ignored, [2])
    np.testing.assert_array_equal(second.ends, [1, 2])
    np.testing.assert_array_equal(second.before, [1, 1])
    np.testing.assert_array_equal(third.hits, [0, 2, 3])
    np.testing.assert_array_equal(third.ends, [0, 1, 2])
    assert not len(first.ignored) and not len(third.ignored)


def test_without_any_there_is_nothing_left() -> None:
    for outcomes in ((), ((0, 0), (0, ALL), (0, 3))):
        found = true_positives(rows(*outcomes))
        assert not len(found.source) and not found.thresholds
