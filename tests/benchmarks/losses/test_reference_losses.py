"""The reference losses return what the built-in ones and the official implementations return."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from loss_cases import LOSSES, value_and_gradient
from torch import Tensor, nn

from benchmarks.losses.reference_losses import REFERENCE_LOSSES
from lt_bench.api.class_stats import ClassStats
from lt_bench.selftest import vectors

STATS = ClassStats((900, 2, 40, 1, 300, 7), (2700, 2, 90, 1, 301, 20), 10_000)
# Federated draws from another generator than its official code: compared where there is nothing or all to draw.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("ce", {}),
    ("focal", {}),
    ("focal", {"alpha": 0.6, "gamma": 1.5}),
    ("eql", {}),
    ("eql", {"lambda_": 0.01}),
    ("eqlv2", {}),
    ("eqlv2", {"gamma": 3.0, "mu": 0.2, "alpha": 1.0}),
    ("seesaw", {}),
    ("seesaw", {"p": 0.0, "q": 1.0}),
    ("seesaw", {"p": 1.2, "q": 0.0}),
    ("federated", {"num_sample_cats": 1}),
    ("federated", {"num_sample_cats": 50}),
    ("ecm", {}),
    ("ecm", {"float32_weights": True, "fg_bg_ratio": 2.0}),
    ("bce", {}),
    ("balanced_softmax", {}),
    ("logit_adjustment", {}),
    ("logit_adjustment", {"tau": 0.5, "background_prior": 4.0}),
    ("class_balanced", {}),
    ("class_balanced", {"kind": "sigmoid", "beta": 0.99, "fg_bg_ratio": 1e-3}),
    ("class_balanced", {"kind": "focal", "beta": 0.0, "gamma": 2.5}),
    ("iif", {}),
    ("iif", {"variant": "smooth_obj"}),
    ("iif", {"variant": "prob"}),
    ("iif", {"variant": "base2_obj"}),
    ("iif", {"variant": "base10"}),
    # A threshold above which no class is: then no class is of the tail; or all are, and no number exceeds their share.
    ("droploss", {"lambda_": 0.0}),
    ("droploss", {"lambda_": 1.1}),
    ("gol", {"lambda_": 0.0, "clamp_low": -10.0}),
    ("gol", {"lambda_": 1.1, "official_gradient": True}),
    ("gumbel_ce", {"clamp_high": 5.0}),
    ("gumbel_ce", {"official_numerics": True}),
    ("ldam", {}),
    ("ldam", {"max_m": 0.2, "s": 10.0}),
    ("efl", {}),
    ("efl", {"focal_gamma": 1.5, "focal_alpha": 0.6, "scale_factor": 3.0}),
    ("acsl", {"rare_share": 1.0, "common_share": 1.0}),
    ("acsl", {"score_thr": 0.4, "rare_share": 0.0, "common_share": 1.0}),
    ("bags", {"others_sample_ratio": 1e6}),
    ("bags", {"others_sample_ratio": 0.0, "borders": (5, 50, 500)}),
    ("loce", {}),
    ("loce", {"alpha": 0.5, "bg_score": 0.1}),
]


def run(loss: nn.Module, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    return value_and_gradient(loss, logits, labels)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "hyper_parameters"), CASES)
@pytest.mark.parametrize("foreground", [True, False], ids=["mixed", "background"])
def test_equals_the_built_in(name: str, hyper_parameters: dict[str, Any], foreground: bool) -> None:
    built_in = LOSSES[name](STATS, **hyper_parameters)
    reference = REFERENCE_LOSSES[name](STATS, **hyper_parameters)
    generator = torch.Generator().manual_seed(0)
    for rois in (16, 1, 40):  # state goes from call to call
        logits = 2 * torch.randn(rois, built_in.num_logits, generator=generator)
        labels = torch.randint(STATS.num_classes + 1, (rois,), generator=generator)
        if not foreground:
            labels[:] = STATS.num_classes
        value, gradient = run(built_in, logits, labels)
        other_value, other_gradient = run(reference, logits, labels)
        torch.testing.assert_close(other_value, value, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(other_gradient, gradient, rtol=1e-4, atol=1e-5 * float(gradient.abs().max()))
    if name != "federated":
        for key, state in reference.state_dict().items():
            if key in built_in.state_dict():
                torch.testing.assert_close(state.double(), built_in.state_dict()[key].double(), rtol=1e-5, atol=1e-5)


def test_state_has_the_names_of_the_built_in() -> None:
    for name, keys in {"eqlv2": {"pos_grad", "neg_grad"}, "seesaw": {"cum_samples"}}.items():
        assert set(REFERENCE_LOSSES[name](STATS).state_dict()) == keys == set(LOSSES[name](STATS).state_dict())


def test_federated_draws_as_many_classes_as_it_is_told() -> None:
    stats = ClassStats([10] * 100, [10] * 100, 1000)
    logits, labels = torch.randn(8, 101), torch.tensor([0, 0, 1, 2, 100, 100, 100, 100])
    _, gradient = run(REFERENCE_LOSSES["federated"](stats, num_sample_cats=50), logits, labels)
    assert int((gradient != 0).any(dim=0).sum()) == 49  # background counts as one of them


@pytest.mark.parametrize("file", sorted(set(vectors.names()) - {"ldam_drw", "loce_gt"}))
def test_equals_the_official_implementation(file: str) -> None:
    packed = vectors.load(vectors.FOLDER / f"{file}.npz")
    name, further = vectors.as_registered(packed.config)
    known = set(inspect.signature(REFERENCE_LOSSES[name]).parameters)
    hyper_parameters = {key: value for key, value in packed.config.items() if key in known}
    hyper_parameters |= {key: value for key, value in LOSSES[name].official.items() if key in known} | further
    loss = REFERENCE_LOSSES[name](packed.stats, **hyper_parameters)
    for call, expected in enumerate(packed.values):
        if packed.samples is not None:
            loss.draw_sample = lambda labels, sample=packed.samples[call]: sample  # type: ignore[assignment]
        value, gradient = run(loss, packed.logits[call], packed.labels[call])
        assert value.item() == pytest.approx(float(expected), rel=1e-5), f"call {call}"
    np.testing.assert_allclose(gradient.numpy(), packed.gradient, rtol=0, atol=1e-5 * np.abs(packed.gradient).max())
