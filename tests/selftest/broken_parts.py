"""Parts of an installation, each broken in a realistic way."""

from __future__ import annotations

from typing import Any

import mmcv.ops.nms  # noqa: F401  so that its module can be looked up
import pytest
from lt_bench.losses import ecm
from torch import Tensor

from lt_bench.detector import mask_head


def extension() -> Any:
    """What mmcv calls its operators by."""
    from sys import modules

    return modules["mmcv.ops.nms"].ext_module


def broken_nms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps one box too few."""
    right = extension().nms
    monkeypatch.setattr(extension(), "nms", lambda *given, **named: right(*given, **named)[:-1])


def broken_roi_align(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a pixel off, as RoIAlign was before its `aligned`."""
    right = extension().roi_align_forward

    def shifted(*given: Any, **named: Any) -> None:
        right(*given, **{**named, "aligned": False})

    monkeypatch.setattr(extension(), "roi_align_forward", shifted)


def broken_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """One part in a thousand too large."""
    right = ecm.ECM.forward

    def forward(self: ecm.ECM, logits: Tensor, labels: Tensor) -> Any:
        return 1.001 * right(self, logits, labels)

    monkeypatch.setattr(ecm.ECM, "forward", forward)


def broken_mask_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel beside the one that was asked for."""
    right = mask_head.selected_logits
    monkeypatch.setattr(
        mask_head, "selected_logits", lambda predictor, x, labels: right(predictor, x, (labels - 1).clamp(min=0))
    )
