"""Losses, gradients and scores of the official implementations, for three consecutive calls each."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from loss_cases import LOSSES, value_and_gradient

from lt_bench.interface import ClassStats

SMALL = Path(__file__).parents[1] / "golden"


def check_golden(path: Path) -> None:
    with np.load(path) as golden:
        config = json.loads(str(golden["config"]))
        stats = ClassStats(golden["image_count"], golden["instance_count"], int(golden["num_images"]))
        logits, labels = torch.tensor(golden["logits"]), torch.tensor(golden["labels"])
        losses, last_gradient, last_scores = golden["loss"], golden["grad_last"], golden["scores_last"]
    loss_class = LOSSES[config["loss"]]
    known = set(inspect.signature(loss_class).parameters)
    hyper_parameters = {name: value for name, value in config.items() if name in known}
    if config["loss"] == "ecm":
        hyper_parameters["float32_weights"] = True
    loss = loss_class(stats, **hyper_parameters)
    for call, expected in enumerate(losses):
        value, gradient = value_and_gradient(loss, logits[call], labels[call])
        assert value.item() == pytest.approx(float(expected), rel=1e-5), f"call {call}"
    # Relative to the largest entry: the official float32 gradients have lost the digits of their smallest ones.
    np.testing.assert_allclose(gradient.numpy(), last_gradient, rtol=0, atol=1e-5 * np.abs(last_gradient).max())
    scores = loss.scores(logits[-1]).numpy()
    # The official sigmoid losses without a background channel return no background column.
    np.testing.assert_allclose(scores[:, : last_scores.shape[1]], last_scores, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_made_up_counts(name: str) -> None:
    check_golden(SMALL / f"{name}.npz")


@pytest.mark.parametrize("name", LOSSES)
def test_lvis_counts(name: str, shared: Path) -> None:
    check_golden(shared / "golden" / "public_lvis" / f"{name}.npz")
