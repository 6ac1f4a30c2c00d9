"""What mmcv finds in place of its own extension module."""

from __future__ import annotations

import pytest
import torch

from lt_bench.operators import in_use
from lt_bench.operators.choose import MissingOperatorError


def test_another_operator_fails_when_it_is_called_and_says_why() -> None:
    if in_use().source == "mmcv":
        pytest.skip("all of mmcv is compiled")
    from mmcv.ops import box_iou_rotated

    with pytest.raises(MissingOperatorError) as caught:
        box_iou_rotated(torch.zeros(1, 5), torch.zeros(1, 5))
    assert "'box_iou_rotated' is not among the operators by" in caught.value.message
    assert "make venv" in caught.value.remedy
