from __future__ import annotations

from typing import Any

import pytest
import torch

from benchmarks.common import OURS
from benchmarks.detector.pair import Pair
from benchmarks.detector.parity import check_inference, check_training


@pytest.mark.extra
def test_a_wrong_loss_is_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(check.equal for check in check_training(pair))
    loss = pair.detectors[OURS].model.roi_head.mask_head.loss_mask
    monkeypatch.setattr(loss, "loss_weight", 1.001)
    assert [check.equal for check in check_training(pair)] == [False, False]


@pytest.mark.extra
def test_wrong_detections_are_found(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    head = pair.detectors[OURS].model.roi_head.bbox_head
    right = head._predict_by_feat_single

    def nudged(*args: Any, **kwargs: Any) -> Any:
        results = right(*args, **kwargs)
        results.scores = torch.nextafter(results.scores, torch.ones(()))
        return results

    def swapped(*args: Any, **kwargs: Any) -> Any:
        return right(*args, **kwargs)[[1, 0, *range(2, 10)]]

    def fewer(*args: Any, **kwargs: Any) -> Any:
        return right(*args, **kwargs)[1:]

    def unequal() -> list[str]:
        return [check.what for check in check_inference(pair) if not check.equal]

    assert unequal() == []
    for wrong, found in ((nudged, ["scores"]), (fewer, ["detections"])):
        monkeypatch.setattr(head, "_predict_by_feat_single", wrong)
        assert unequal() == found
    monkeypatch.setattr(head, "_predict_by_feat_single", swapped)
    assert {"bboxes", "scores", "masks"} <= set(unequal())
