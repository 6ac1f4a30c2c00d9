from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from loss_cases import Rows, bce, check_against, make_batch, make_stats, sigmoid
from lt_bench.losses.ecm import ECM

from lt_bench.interface import ClassStats

LONG_TAIL = ClassStats([1, 10, 1000, 2000], [1, 12, 9000, 1_261_000], 100_000)  # as many instances as LVIS v1


def oracle(rows: Rows, labels: list[int]) -> float:
    """The paper's surrogate as written, with its two exponentials."""
    counts = [3.0 * count for count in (900, 2, 40, 1, 300)]
    counts.append(6.3313 * sum(counts))
    loss = 0.0
    for row, label in zip(rows, labels, strict=True):
        for c, s in enumerate(row):
            n, m = counts[c], sum(counts) - counts[c]
            a = m / n
            up = math.exp(s + math.log(1 + (n / m) ** 0.25))
            down = math.exp(-s + math.log(1 + (m / n) ** 0.25))
            loss += a * math.log((1 + a) / a) * bce(up / (up + down), c == label)
    return loss / len(rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_formula(dtype: torch.dtype) -> None:
    loss = ECM(make_stats())
    check_against(oracle, loss, *make_batch(loss), dtype)


def test_the_class_weight_is_exact_for_the_rarest_class() -> None:
    with localcontext() as context:
        context.prec = 60
        counts = [Decimal(count) for count in LONG_TAIL.instance_count]
        counts.append(Decimal("6.3313") * sum(counts))
        ratios = [(sum(counts) - count) / count for count in counts]
        expected = [float(a * ((1 + a) / a).ln()) for a in ratios]
    assert ECM(LONG_TAIL).weight.tolist() == pytest.approx(expected, rel=1e-14)


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


def test_scores_multiply_by_what_is_not_background_and_know_no_margin() -> None:
    loss = ECM(make_stats())
    logits, _ = make_batch(loss)
    expected = []
    for *classes, background in logits.tolist():
        expected.append([sigmoid(s) * (1 - sigmoid(background)) for s in classes] + [sigmoid(background)])
    torch.testing.assert_close(loss.scores(logits), torch.tensor(expected, dtype=torch.float64))
