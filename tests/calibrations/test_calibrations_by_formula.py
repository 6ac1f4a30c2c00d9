"""The calibrations against their papers' formulas, in float64 and plain numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from calibration_cases import CALIBRATIONS, Array, make_base, make_logits
from scipy.special import ndtri

from lt_bench.api.calibration import Base
from lt_bench.api.loss import Activation


def softmax(z: Array) -> Array:
    e = np.exp(z)
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def norcal(base: Base, z: Array, gamma: float, method: str, with_: str, renorm: bool) -> Array:
    i = np.array(base.stats.image_count, dtype=float)
    a = np.append(i**-gamma if method == "gamma" else (1 - gamma) / (1 - gamma**i), 1.0)
    if with_ == "exps":
        s = a * np.exp(z) / (a * np.exp(z)).sum(axis=1, keepdims=True)
    else:
        s = softmax(a * z) if with_ == "logits" else a * softmax(z)
    return np.asarray(s / s.sum(axis=1, keepdims=True) if renorm else s)


def logit_adjustment(base: Base, z: Array, tau: float, background_prior: float) -> Array:
    n = np.array(base.stats.instance_count, dtype=float)
    pi = np.append(len(n) * n / n.sum(), background_prior)
    return softmax(z - np.log(pi**tau + 1e-12))


def inverse(q: Array, variant: str) -> Array:
    found = {
        "raw": -np.log(q),
        "prob": np.log((1 - q) / q),
        "normit": -ndtri(q),
        "gombit": -np.log(-np.log(1 - q)),
        "base2": -np.log2(q),
        "base10": -np.log10(q),
    }
    return np.asarray(found[variant])


def fracal(base: Base, z: Array, variant: str, fractal_l: float) -> Array:
    counts = np.array(base.stats.instance_count if variant.endswith("_obj") else base.stats.image_count, dtype=float)
    total = counts.sum() if variant.endswith("_obj") else base.stats.num_images
    name, C = variant.removesuffix("_obj"), len(counts)
    if name == "smooth":
        k = 1000 if variant.endswith("_obj") else 300
        w = np.log((total + 1) / (counts + 1)) + 1 - math.log((k * C + 1) / (k + 1)) + 1
    else:
        w = inverse(counts / total, name) - inverse(np.array([1 / C]), name)
    assert base.fractal_dimension is not None
    d = np.array(base.fractal_dimension) ** fractal_l
    if base.activation == "softmax":
        s = softmax(z + np.append(w, 0)) / np.append(d, 1)
        return np.asarray(s / s.sum(axis=1, keepdims=True))
    h = -np.log10(d / d.sum()) - math.log10(C)
    return np.pad(sigmoid(z) * sigmoid(z + w + h), ((0, 0), (0, 1)))


VARIANTS = ("raw", "prob", "normit", "gombit", "base2", "base10", "smooth")
Case = tuple[str, Callable[..., Array], Activation, dict[str, Any]]
ACTIVATIONS: tuple[Activation, ...] = ("softmax", "sigmoid")
NORCAL: list[Case] = [
    ("norcal", norcal, "softmax", {"gamma": gamma, "method": method, "with_": with_, "renorm": renorm})
    for gamma, method in ((0.0, "gamma"), (0.6, "gamma"), (1.3, "gamma"), (0.3, "cb"), (0.999, "cb"))
    for with_ in ("exps", "probs", "logits")
    for renorm in (False, True)
]
LOGIT_ADJUSTMENT: list[Case] = [
    ("logit_adjustment", logit_adjustment, "softmax", {"tau": tau, "background_prior": prior})
    for tau, prior in ((0.0, 1.0), (1.0, 1.0), (0.4, 6.3))
]
FRACAL: list[Case] = [
    ("fracal", fracal, activation, {"variant": f"{variant}{suffix}", "fractal_l": power})
    for activation in ACTIVATIONS
    for variant, power in zip(VARIANTS, (2.0, 0.0, 1.5, 2.0, 3.0, 2.0, 1.0), strict=True)
    for suffix in ("", "_obj")
]


@pytest.mark.parametrize(("name", "formula", "activation", "given"), [*NORCAL, *LOGIT_ADJUSTMENT, *FRACAL])
def test_scores_are_the_formula(
    name: str, formula: Callable[..., Array], activation: Activation, given: dict[str, Any]
) -> None:
    base = make_base(activation)
    logits = make_logits(base)
    expected = formula(base, logits.numpy(), *given.values())
    calibration = CALIBRATIONS[name](base, **given)
    np.testing.assert_allclose(calibration.scores(logits).numpy(), expected, rtol=1e-12, atol=1e-15)
    found = calibration.scores(logits.half())  # in float32, of what half precision leaves of the logits
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, formula(base, logits.half().double().numpy(), *given.values()), atol=1e-6)


def test_tau_norm_divides_by_a_power_of_the_norm() -> None:
    base, generator = make_base(), np.random.default_rng(0)
    weight, bias = generator.normal(size=(6, 4)), generator.normal(size=6)
    weight[2] = 0  # a class that nothing was learnt of
    for tau in (0.0, 0.5, 1.0, 2.0):
        for keep in (False, True):
            calibration = CALIBRATIONS["tau_norm"](base, tau=tau, keep_background=keep, keep_bias=keep)
            found, left = calibration.classifier(torch.tensor(weight), torch.tensor(bias))
            for row in range(6):
                norm = math.sqrt(sum(value**2 for value in weight[row])) or 1.0
                divisor = 1.0 if keep and row == 5 else norm**tau
                np.testing.assert_allclose(found[row], weight[row] / divisor, rtol=1e-12)
            assert (left is not None) == keep
    sigmoid_base = make_base("sigmoid")
    found, _ = CALIBRATIONS["tau_norm"](sigmoid_base, tau=1.0).classifier(torch.tensor(weight[:5]), None)
    np.testing.assert_allclose(found.norm(dim=1)[[0, 1, 3, 4]], 1, rtol=1e-12)  # it has no row of background


def test_tau_norm_scores_as_the_base_does() -> None:
    base = make_base("sigmoid")
    logits = make_logits(base)
    found = CALIBRATIONS["tau_norm"](base).scores(logits)
    np.testing.assert_allclose(found, np.pad(sigmoid(logits.numpy()), ((0, 0), (0, 1))), rtol=1e-12)
