"""Losses, gradients and scores of the official implementations, for three consecutive calls each."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from loss_cases import LOSSES

from lt_bench.selftest import vectors

# Files of the same losses, called otherwise. There are none of bce, which is eql without a tail.
FURTHER = ("ldam_drw", "loce_gt", "cb_softmax", "cb_sigmoid", "cb_focal")
NAMES = [name for name in LOSSES if name not in ("bce", "class_balanced")] + [*FURTHER]
VARIANTS = Path(__file__).with_name("vectors")


def check_golden(path: Path) -> None:
    found = vectors.deviation(vectors.load(path), torch.device("cpu"))
    assert found.value <= 1e-5
    assert found.gradient <= 1e-5
    assert found.scores <= 1e-6


def test_many_background_rois_of_acsl(shared: Path) -> None:
    check_golden(shared / "golden" / "public_small" / "acsl_n240.npz")


@pytest.mark.parametrize("name", NAMES)
def test_made_up_counts(name: str) -> None:
    check_golden(vectors.FOLDER / f"{name}.npz")


@pytest.mark.parametrize("path", sorted(VARIANTS.glob("*.npz")), ids=lambda path: path.stem)
def test_variants(path: Path) -> None:
    check_golden(path)


@pytest.mark.parametrize("name", ["balanced_softmax_ce", "gol_aglu", "iif_base10_obj"])
def test_variants_with_lvis_counts(name: str, shared: Path) -> None:
    check_golden(shared / "golden" / "public_lvis" / f"{name}.npz")


@pytest.mark.parametrize("name", NAMES)
def test_lvis_counts(name: str, shared: Path) -> None:
    check_golden(shared / "golden" / "public_lvis" / f"{name}.npz")
