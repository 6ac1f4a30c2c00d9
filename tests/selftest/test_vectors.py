"""How far a loss is off given values: here those of equal logits, which can be worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lt_bench.api.class_stats import ClassStats
from lt_bench.selftest import vectors
from lt_bench.testing.result import Wrong

CPU = torch.device("cpu")
EQUAL = vectors.Vectors(  # two RoIs, two classes and background: softmax is 1/3 everywhere
    stats=ClassStats([5, 50], [6, 70], 100),
    config={"loss": "ce", "of_no_loss": 1},
    logits=torch.zeros(3, 2, 3),
    labels=torch.tensor([[0, 2], [1, 1], [1, 2]]),
    values=np.full(3, math.log(3)),
    gradient=np.array([[1 / 6, -1 / 3, 1 / 6], [1 / 6, 1 / 6, -1 / 3]], dtype=np.float32),
    scores=np.full((2, 3), 1 / 3, dtype=np.float32),
)


def test_what_is_right_deviates_by_rounding() -> None:
    found = vectors.deviation(EQUAL, CPU)
    assert max(found.value, found.gradient, found.scores) < 1e-6


@pytest.mark.parametrize("call", [0, 1, 2])
def test_the_value_of_each_call_counts(call: int) -> None:
    values = EQUAL.values.copy()
    values[call] *= 0.5  # the loss is twice as large
    assert vectors.deviation(replace(EQUAL, values=values), CPU).value == pytest.approx(1, rel=1e-5)


def test_gradients_deviate_relative_to_the_largest_and_scores_as_they_are() -> None:
    gradient, scores = EQUAL.gradient.copy(), EQUAL.scores.copy()
    gradient[1, 0] = 0
    scores[0, 1] = 0.5
    found = vectors.deviation(replace(EQUAL, gradient=gradient, scores=scores), CPU)
    assert found.gradient == pytest.approx(1 / 2, rel=1e-5)
    assert found.scores == pytest.approx(1 / 6, rel=1e-5)


def test_official_scores_may_lack_background() -> None:
    assert vectors.deviation(replace(EQUAL, scores=EQUAL.scores[:, :2]), CPU).scores < 1e-6


def test_another_shape_is_wrong() -> None:
    with pytest.raises(Wrong, match="another shape than the official ones"):
        vectors.deviation(replace(EQUAL, gradient=EQUAL.gradient[:, :2]), CPU)
