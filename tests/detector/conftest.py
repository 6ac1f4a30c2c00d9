"""What tests of NMS look into."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from lt_bench.detector import early_exit_nms


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many candidates each NMS class by class was of."""
    sizes: list[int] = []
    nms_by_class = early_exit_nms._Candidates._nms_by_class

    def count(self: Any, candidates: Tensor, largest: Tensor | None) -> Tensor:
        sizes.append(candidates.shape[0])
        return nms_by_class(self, candidates, largest)

    monkeypatch.setattr(early_exit_nms._Candidates, "_nms_by_class", count)
    return sizes
