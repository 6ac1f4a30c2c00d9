from __future__ import annotations

import pytest
import torch
from loss_cases import Rows, bce, check_against, make_batch, make_stats, sigmoid, value_and_gradient
from lt_bench.losses.eql import EQL

from lt_bench.interface import ClassStats

IMAGE_COUNT, NUM_IMAGES, LAMBDA = (900, 2, 40, 1, 300), 1000, 0.0025  # classes 1 and 3 are rare


def oracle(rows: Rows, labels: list[int]) -> float:
    loss = 0.0
    for row, label in zip(rows, labels, strict=True):
        excluded = 1 if label < len(row) else 0
        for c, s in enumerate(row):
            below = 1 if IMAGE_COUNT[c] / NUM_IMAGES < LAMBDA else 0
            y = 1 if c == label else 0
            loss += (1 - excluded * below * (1 - y)) * bce(sigmoid(s), c == label)
    return loss / len(rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_formula(dtype: torch.dtype) -> None:
    loss = EQL(make_stats(IMAGE_COUNT), lambda_=LAMBDA)
    check_against(oracle, loss, *make_batch(loss), dtype)


def test_rare_classes_get_no_gradient_from_other_classes_objects() -> None:
    loss = EQL(make_stats(IMAGE_COUNT), lambda_=LAMBDA)
    _, gradient = value_and_gradient(loss, torch.zeros(3, 5), torch.tensor([0, 1, 5]))
    assert gradient[0, [1, 3]].tolist() == [0, 0]  # an object of a frequent class
    assert gradient[1, 1] < 0  # an object of the rare class itself
    assert gradient[1, 3] == 0
    assert (gradient[2] > 0).all()  # background


def test_the_frequency_counts_images_and_the_threshold_is_exclusive() -> None:
    stats = ClassStats([1, 2, 3], [1000, 1000, 1000], 1000)
    _, gradient = value_and_gradient(EQL(stats, lambda_=0.002), torch.zeros(1, 3), torch.tensor([2]))
    assert (gradient[0] == 0).tolist() == [True, False, False]


def test_scores_are_sigmoid_and_zero_for_background() -> None:
    loss = EQL(make_stats())
    logits, _ = make_batch(loss)
    expected = torch.tensor([[*map(sigmoid, row), 0.0] for row in logits.tolist()], dtype=torch.float64)
    torch.testing.assert_close(loss.scores(logits), expected)
