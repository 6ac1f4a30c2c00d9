from __future__ import annotations

import numpy as np
import pytest

from lt_bench.evaluation.comparison.running import accumulate


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 31, 32, 33, 48, 255, 256, 300, 16 * 40 + 5])
def test_is_numpys_accumulate_both_ways(rows: int) -> None:
    values = np.random.default_rng(rows).integers(-50, 50, (rows, 3)).astype(np.float32)
    for operation in (np.add, np.maximum):
        for view in (values.copy(), values.copy()[::-1]):
            expected = operation.accumulate(view, axis=0)
            accumulate(operation, view)
            np.testing.assert_array_equal(view, expected)
