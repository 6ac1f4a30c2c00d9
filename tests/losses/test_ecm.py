from __future__ import annotations

import math

import formulas
import numpy as np
import pytest
from loss_cases import make_stats
from lt_bench.losses.ecm import ECM

from lt_bench.api.class_stats import ClassStats

LONG_TAIL = ClassStats([1, 10, 1000, 2000], [1, 12, 9000, 1_261_000], 100_000)  # as many instances as LVIS v1


def test_the_class_weight_is_exact_for_the_rarest_class() -> None:
    assert ECM(LONG_TAIL).weight.tolist() == pytest.approx(formulas.ECM(LONG_TAIL).weight.tolist(), rel=1e-14)


def test_float32_weights_round_as_float32_does() -> None:
    counts = np.array(LONG_TAIL.instance_count, dtype=np.float32)
    counts = np.append(counts, counts.sum() * np.float32(6.3313))
    a = (counts.sum() - counts) / counts
    expected = a * np.log((1 + a) / a)
    rounded = ECM(LONG_TAIL, float32_weights=True).weight
    assert expected.dtype == np.float32
    np.testing.assert_allclose(rounded.numpy(), expected, rtol=1e-6)
    assert abs(rounded[0].item() - 1) > 0.05  # what the default avoids


def test_fewer_background_rois_raise_the_margin_of_background() -> None:
    few, many = ECM(make_stats(), fg_bg_ratio=1.0), ECM(make_stats(), fg_bg_ratio=10.0)
    assert few.shift[-1].item() == pytest.approx(0)
    assert many.shift[-1].item() == pytest.approx(math.log(10) / 4)


def test_it_counts_instances() -> None:
    instances = ClassStats([5, 5], [5, 500], 10)
    assert ECM(instances).shift[1] > ECM(instances).shift[0]
