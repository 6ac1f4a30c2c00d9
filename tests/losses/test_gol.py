"""GOL's gradient, right and as the official code has it, and what it leaves out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from formulas_sigmoid import GOL as Formula
from loss_cases import make_stats, value_and_gradient
from lt_bench.losses.gol import GOL

from lt_bench.selftest import vectors

VECTORS = Path(__file__).with_name("vectors")


@pytest.mark.parametrize(("logit", "official"), [(-3.4, 2.9), (-3.5, 0.14), (-3.6, 0.005)])
def test_the_official_gradient_of_a_true_class_vanishes_and_the_default_does_not(logit: float, official: float) -> None:
    """Between the lower bound and -3.32; the losses are the same."""
    logits, labels = torch.full((1, 5), logit), torch.tensor([0])
    value, gradient = value_and_gradient(GOL(make_stats()), logits, labels)
    assert gradient[0, 0].item() == pytest.approx(-math.exp(-logit), rel=1e-5)
    other_value, other = value_and_gradient(GOL(make_stats(), official_gradient=True), logits, labels)
    assert other[0, 0].item() == pytest.approx(-official, rel=0.1)
    assert torch.equal(value, other_value)


def test_beyond_its_bounds_a_logit_has_no_gradient() -> None:
    logits = torch.tensor([[-4.1, 10.1, 0.0, 0.0, 0.0]])
    for official in (False, True):
        loss = GOL(make_stats(), official_gradient=official)
        _, gradient = value_and_gradient(loss, logits, torch.tensor([0]))
        assert gradient[0, :2].tolist() == [0, 0]
    _, gradient = value_and_gradient(GOL(make_stats(), clamp_low=-10.0), logits, torch.tensor([0]))
    assert gradient[0, 0].item() == pytest.approx(-math.exp(4.1), rel=1e-5)


def test_where_the_official_gradient_vanishes_the_default_equals_the_formula() -> None:
    """On the official vectors of that region, which the other gradient reproduces (test_golden.py)."""
    packed = vectors.load(VECTORS / "gol_eps.npz")
    assert packed.samples is not None
    lambda_ = packed.config["lambda_"]
    loss, formula = GOL(packed.stats, lambda_=lambda_), Formula(packed.stats, lambda_=lambda_)
    for call, sample in enumerate(packed.samples):
        loss.draw_sample = lambda labels, sample=sample: sample  # type: ignore[method-assign,misc]
        formula.sample = sample.numpy()
        logits, labels = packed.logits[call], packed.labels[call]
        value, gradient = value_and_gradient(loss, logits, labels)
        expected = formula.terms(logits.double().numpy(), labels.numpy())["loss"]
        assert value.item() == pytest.approx(expected.value, rel=1e-5)
        np.testing.assert_allclose(gradient.numpy(), expected.gradient, rtol=1e-4, atol=1e-6)
    assert np.abs(gradient.numpy() - packed.gradient).max() > 0.5 * np.abs(expected.gradient).max()
