"""Gumbel cross-entropy, right and with the numerics of the official code."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from formulas_sigmoid import GumbelCE as Formula
from loss_cases import make_stats, value_and_gradient
from lt_bench.losses.gumbel_ce import GumbelCrossEntropy

from lt_bench.selftest import vectors

VECTORS = Path(__file__).with_name("vectors")


def test_above_20_the_official_loss_stands_still_and_the_default_does_not() -> None:
    logits, labels = torch.full((1, 6), -3.2), torch.tensor([0])
    value, gradient = value_and_gradient(GumbelCrossEntropy(make_stats()), logits, labels)
    assert value.item() == pytest.approx(math.exp(3.2), rel=1e-4)  # 24.5
    assert gradient[0, 0].item() == pytest.approx(-math.exp(3.2), rel=1e-5)
    value, gradient = value_and_gradient(GumbelCrossEntropy(make_stats(), official_numerics=True), logits, labels)
    assert value.item() == 20
    assert not gradient.any()


def test_the_official_gradient_of_a_true_class_vanishes_below_20_too() -> None:
    logits, labels = torch.full((2, 6), -1.0), torch.tensor([0, 5])
    logits[0, 0] = -3.5
    _, gradient = value_and_gradient(GumbelCrossEntropy(make_stats()), logits, labels)
    assert gradient[0, 0].item() == pytest.approx(-math.exp(3.5) / 2, rel=1e-5)
    value, gradient = value_and_gradient(GumbelCrossEntropy(make_stats(), official_numerics=True), logits, labels)
    assert 0 < value < 20
    assert -0.1 < gradient[0, 0] < 0


@pytest.mark.parametrize("name", ["gumbel_ce", "gumbel_ce_eps"])
def test_where_the_official_code_is_wrong_the_default_equals_the_formula(name: str) -> None:
    """The first call of each file is above 20; test_golden.py has the official numbers."""
    packed = vectors.load((vectors.FOLDER if name == "gumbel_ce" else VECTORS) / f"{name}.npz")
    assert packed.values[0] == 20
    loss, formula = GumbelCrossEntropy(packed.stats), Formula(packed.stats)
    for logits, labels in zip(packed.logits, packed.labels, strict=True):
        value, gradient = value_and_gradient(loss, logits, labels)
        expected = formula.terms(logits.double().numpy(), labels.numpy())["loss"]
        assert value.item() == pytest.approx(expected.value, rel=1e-5)
        np.testing.assert_allclose(gradient.numpy(), expected.gradient, rtol=1e-4, atol=1e-6)
