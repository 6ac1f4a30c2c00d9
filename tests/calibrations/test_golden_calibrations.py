"""Scores of the official calibrations, for three batches each, and the classifier of tau-normalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from calibration_cases import VECTORS, read_official

SMALL = (
    *("norcal", "norcal_cb", "norcal_logits", "norcal_probs", "posthoc_logit_adjustment"),
    *("fracal", "fracal_normit_obj", "fracal_sigmoid"),
)
LVIS = ("norcal", "posthoc_logit_adjustment", "fracal", "fracal_sigmoid")


def check_scores(path: Path) -> None:
    official = read_official(path)
    scores = official.arrays["scores"]
    assert len(scores) == 3
    for call, logits in enumerate(official.arrays["logits"]):
        found = official.calibration.scores(torch.tensor(logits)).numpy()
        # The official sigmoid head returns no background column.
        assert np.abs(found[:, : scores.shape[2]] - scores[call]).max() <= 1e-6
    assert np.abs(found - official.arrays["scores_last"]).max() <= 1e-6


def check_classifier(path: Path) -> None:
    official = read_official(path)
    arrays = {name: torch.tensor(official.arrays[name]) for name in ("weight", "features")}
    bias = torch.ones(len(arrays["weight"]))
    weight, left = official.calibration.classifier(arrays["weight"], bias)
    assert left is None
    assert np.abs(weight.numpy() - official.arrays["weight_normalised"]).max() <= 1e-6
    exact, _ = official.calibration.classifier(arrays["weight"].double(), None)
    logits = arrays["features"].double() @ exact.T
    # The official logits are sums of 32 float32 products, some of them 20 and more.
    assert np.abs(logits.numpy() - official.arrays["logits_normalised"]).max() <= 5e-6
    scores = official.calibration.scores(arrays["features"] @ weight.T)
    assert np.abs(scores.numpy() - official.arrays["scores_last"]).max() <= 1e-6


@pytest.mark.parametrize("name", SMALL)
def test_made_up_counts(name: str) -> None:
    check_scores(VECTORS / f"{name}.npz")


@pytest.mark.parametrize("name", LVIS)
def test_lvis_counts(name: str, shared: Path) -> None:
    check_scores(shared / "golden" / "public_lvis" / f"{name}.npz")


def test_tau_norm() -> None:
    check_classifier(VECTORS / "tau_norm.npz")


def test_tau_norm_of_lvis(shared: Path) -> None:
    check_classifier(shared / "golden" / "public_lvis" / "tau_norm.npz")
