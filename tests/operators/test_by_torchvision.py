"""torchvision's kernels called as mmcv's are: order, rounding, and what they lack."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from operator_cases import SOURCES, nms_inputs, plain_nms
from torch import Tensor

from lt_bench.operators import by_torchvision
from lt_bench.operators.choose import Kernels, MissingOperatorError


@pytest.mark.skipif("compiled" not in SOURCES, reason="compares with mmcv's own nms")
def test_nms_by_torchvision_keeps_mmcvs_order_and_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a torchvision whose sort is stable and whose threshold is a double, as the real one's are."""

    def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        assert boxes.dtype == scores.dtype == torch.float32
        return torch.tensor(plain_nms(boxes, scores.argsort(stable=True, descending=True).tolist(), threshold))

    monkeypatch.setattr(torch.ops, "torchvision", SimpleNamespace(nms=nms), raising=False)
    compared = 0
    for name, boxes, scores, threshold, offset in nms_inputs():
        if boxes.isfinite().all():
            found = by_torchvision.nms(boxes, scores, threshold, offset)
            assert found.tolist() == SOURCES["compiled"].nms(boxes, scores, threshold, offset).tolist(), name
            compared += 1
    assert compared > 300
    boxes, scores = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 8]]), torch.tensor([0.5, 0.9])
    assert by_torchvision.nms(boxes.half(), scores.half(), 0.5, 0).tolist() == [1]


def test_max_pooling_by_torchvision_names_what_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        by_torchvision, "load", lambda: Kernels("torchvision", "0", print, print, print, lambda: "", "REMEDY")
    )
    empty = torch.zeros(0)
    with pytest.raises(MissingOperatorError, match=r"(?s)pool_mode='max'.*REMEDY"):
        by_torchvision.roi_align_forward(empty, empty, empty, empty, empty, 1, 1, 1.0, 0, 0, True)
    with pytest.raises(MissingOperatorError, match="pool_mode='max'"):
        by_torchvision.roi_align_backward(empty, empty, empty, empty, empty, 1, 1, 1.0, 0, 0, True)
