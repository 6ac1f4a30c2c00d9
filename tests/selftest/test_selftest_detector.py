"""Mask predictor, masks and post-processing that are broken are found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from broken_parts import broken_mask_predictor

from lt_bench.detector import box_head
from lt_bench.selftest.detector import mask_predictor, masks, post_processing
from lt_bench.selftest.result import CheckContext
from lt_bench.testing.result import Wrong


@pytest.fixture
def context(tmp_path: Path) -> CheckContext:
    return CheckContext(torch.device("cpu"), tmp_path)


def test_a_broken_mask_predictor_shows_in_logits_and_masks(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_mask_predictor(monkeypatch)
    with pytest.raises(Wrong, match="plain predictor: logits"):
        mask_predictor(context, amp=False)
    with pytest.raises(Wrong, match="pixels differ from stock mmdet's"):
        masks(context)


def test_post_processing_that_loses_a_detection_is_found_out(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    right: Any = box_head.early_exit_nms

    def short(*given: Any) -> Any:
        return tuple(part[:-1] for part in right(*given))

    monkeypatch.setattr(box_head, "early_exit_nms", short)
    with pytest.raises(Wrong, match="299 detections, stock mmdet has 300"):
        post_processing(context)
