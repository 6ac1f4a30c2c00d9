from __future__ import annotations

import math

import pytest
import torch
from lt_bench.losses.iif import FORMS, IIF

from lt_bench.api.class_stats import ClassStats

STATS = ClassStats([75, 10, 50], [300, 20, 80], 100)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("raw", [0.28768, 2.30259, 0.69315]),
        ("smooth", [math.log(101 / 76) + 1, math.log(101 / 11) + 1, math.log(101 / 51) + 1]),
        ("prob", [-1.09861, 2.19722, 0.0]),
        ("normit", [-0.67449, 1.28155, 0.0]),
        ("gombit", [-0.32663, 2.25037, 0.36651]),
        ("base2", [0.41504, 3.32193, 1.0]),
        ("base10", [0.12494, 1.0, 0.30103]),
        ("base10_obj", [0.12494, 1.30103, 0.69897]),
    ],
)
def test_weights(variant: str, expected: list[float]) -> None:
    """Of shares 0.75, 0.1 and 0.5 of the images; 0.75, 0.05 and 0.2 of the instances."""
    assert IIF(STATS, variant=variant).weight.tolist() == pytest.approx([*expected, 1.0], abs=1e-5)


def test_weights_count_in_the_scores_too() -> None:
    loss, logits = IIF(STATS), torch.tensor([[1.0, 1.0, 1.0, 1.0]])
    torch.testing.assert_close(loss.scores(logits), (loss.weight.float() * logits).softmax(dim=1))


@pytest.mark.parametrize("variant", [form + suffix for form in FORMS for suffix in ("", "_obj")])
def test_a_class_in_every_image_has_a_finite_weight(variant: str) -> None:
    assert IIF(ClassStats([100], [400], 100), variant=variant).weight.isfinite().all()
