from __future__ import annotations

import torch
from loss_cases import make_stats, value_and_gradient
from lt_bench.losses.eql import EQL

from lt_bench.api.class_stats import ClassStats

IMAGE_COUNT, LAMBDA = (900, 2, 40, 1, 300), 0.0025  # of 1,000 images: classes 1 and 3 are rare


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
