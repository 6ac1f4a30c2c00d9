"""A loss that is off its official implementation is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from broken_parts import broken_loss

from lt_bench.selftest import losses
from lt_bench.selftest.result import CheckContext, Outcome
from lt_bench.testing.result import Wrong


@pytest.mark.parametrize("check", [losses.float32, losses.amp])
def test_a_loss_that_is_slightly_too_large(
    check: Callable[[CheckContext, str], Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = CheckContext(torch.device("cpu"), tmp_path)
    assert "gradient" in check(context, "ecm").detail
    broken_loss(monkeypatch)
    with pytest.raises(Wrong, match=r"the value is 1.0e-03 off the official implementation"):
        check(context, "ecm")
