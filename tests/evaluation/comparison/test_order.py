"""An order of losses: which signs are sure, and what moves its values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_values import made

from lt_bench.evaluation.comparison.order import measured, published, redrawn


def test_signs_are_sure_where_pairs_are_significant() -> None:
    runs = [
        made("low", [0.100, 0.101, 0.102, 0.1], 1e-4),
        made("high", [0.300, 0.301, 0.302, 0.302], 1e-4),
        made("as high", [0.302, 0.300, 0.302, 0.301], 1e-4),
    ]
    found = measured(runs, "AP", 0.05, True, 50, np.random.default_rng(0))
    assert np.array_equal(found.sure, [1, 1, np.nan], equal_nan=True)
    assert found.values == pytest.approx([0.10075, 0.30125, 0.30125])
    none = measured(runs, "AP", 0.0, True, 50, np.random.default_rng(0))
    assert np.isnan(none.sure).all()


def test_redrawn_values_are_moved_by_seeds_and_by_the_images_that_are_named() -> None:
    runs = [made("a", [0.1, 0.3], 0.1), made("b", [0.4, 0.5], 0.1)]
    order = measured(runs, "AP", 0.05, True, 3, np.random.default_rng(0))
    assert order.seeds is not None and order.images is not None
    assert redrawn(order, None) == pytest.approx(order.values + order.seeds)
    rows = np.array([7, 7, 0])
    assert redrawn(order, rows) == pytest.approx(order.values + order.seeds + order.images[rows])
    assert redrawn(replace(order, images=None), rows) is None
    assert redrawn(replace(order, seeds=None), None) is None


def test_published_values_are_sure_and_stay() -> None:
    order = published([0.3, 0.1, 0.3])
    assert order.sure.tolist() == [-1, 0, 1]
    assert redrawn(order, np.zeros(4, dtype=int)) == pytest.approx(np.tile(order.values, (4, 1)))
