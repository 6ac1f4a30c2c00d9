"""Losses, gradients and scores of the official implementations, for three consecutive calls each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from loss_cases import LOSSES

from lt_bench.selftest import vectors

FURTHER = ("ldam_drw", "loce_gt")  # of the same losses


def check_golden(path: Path) -> None:
    found = vectors.deviation(vectors.load(path), torch.device("cpu"))
    assert found.value <= 1e-5
    assert found.gradient <= 1e-5
    assert found.scores <= 1e-6


def test_many_background_rois_of_acsl(shared: Path) -> None:
    check_golden(shared / "golden" / "public_small" / "acsl_n240.npz")


@pytest.mark.parametrize("name", [*LOSSES, *FURTHER])
def test_made_up_counts(name: str) -> None:
    check_golden(vectors.FOLDER / f"{name}.npz")


@pytest.mark.parametrize("name", [*LOSSES, *FURTHER])
def test_lvis_counts(name: str, shared: Path) -> None:
    check_golden(shared / "golden" / "public_lvis" / f"{name}.npz")
