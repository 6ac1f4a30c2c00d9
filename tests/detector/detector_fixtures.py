"""What tests of NMS look into."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from lt_bench.detector import early_exit_nms


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many candidates each NMS was of."""
    sizes: list[int] = []
    kernel = early_exit_nms._Search._kernel

    def count(self: Any, boxes: Tensor) -> Tensor:
        sizes.append(len(boxes))
        return kernel(self, boxes)

    monkeypatch.setattr(early_exit_nms._Search, "_kernel", count)
    return sizes
