"""Training beside stock mmdet, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from broken_parts import broken_loss, broken_mask_predictor

from lt_bench.selftest.result import CheckContext
from lt_bench.selftest.training import train
from lt_bench.testing.result import Wrong


@pytest.mark.slow
@pytest.mark.extra
def test_training_beside_stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = CheckContext(torch.device("cpu"), tmp_path)
    figures = train(context, "glyphs", amp=False).figures
    assert float(figures["images/s, lt_bench"]) > 0 and float(figures["peak GiB, mmdet"]) > 0
    broken_loss(monkeypatch)
    broken_mask_predictor(monkeypatch)
    with pytest.raises(Wrong, match="off stock mmdet's, limit 1e-04"):
        train(context, "glyphs", amp=False)
