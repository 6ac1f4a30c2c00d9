"""Operators pass, and broken ones are found out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from broken_parts import broken_nms, broken_roi_align

from lt_bench.selftest import operators
from lt_bench.selftest.result import CheckContext
from lt_bench.testing.result import Wrong


@pytest.fixture
def context(tmp_path: Path) -> CheckContext:
    return CheckContext(torch.device("cpu"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("check", operators.CHECKS, ids=lambda check: check.name)
def test_what_is_right_passes(check: operators.Check, context: CheckContext) -> None:
    assert check.run(context).detail


def test_nms_that_keeps_one_box_too_few(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_nms(monkeypatch)
    with pytest.raises(Wrong, match="keeps 0, the definition 1"):
        operators.nms(context)


def test_roi_align_that_is_half_a_pixel_off(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_roi_align(monkeypatch)
    with pytest.raises(Wrong, match="off its definition in float64"):
        operators.roi_align(context, torch.float32)
