"""Repeat factors against the paper's formula, image by image."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lt_bench.data.repeat_factors import repeat_factors

SHOWN = [{3, 8}, set(), {8}, {8}, {3, 5}, {8}, set(), {8}]  # categories of each image


@pytest.mark.parametrize("threshold", [0.05, 0.4, 3.0])
def test_repeat_factors_are_those_of_the_paper(threshold: float) -> None:
    pairs = np.array([(image, category) for image, own in enumerate(SHOWN) for category in own])
    frequency = {c: sum(c in own for own in SHOWN) / len(SHOWN) for c in (3, 5, 8)}
    expected = [max([1.0, *(math.sqrt(threshold / frequency[c]) for c in own)]) for own in SHOWN]
    np.testing.assert_allclose(repeat_factors(pairs[:, 0], pairs[:, 1], len(SHOWN), threshold), expected)


def test_without_categories_nothing_is_repeated() -> None:
    none = np.array([], dtype=np.int64)
    assert repeat_factors(none, none, 3, 0.5).tolist() == [1, 1, 1]
