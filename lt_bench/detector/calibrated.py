"""A box head that predicts with calibrated scores, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from lt_bench.api.calibration import Calibration
from lt_bench.detector.box_head import LongTailBBoxHead


@contextmanager
def calibrated(head: LongTailBBoxHead, calibration: Calibration) -> Iterator[None]:
    """Within it, the head's scores are those of the calibration, and so is its classifier where that is changed.

    calibration: of the head's loss; of a classifier that is a plain linear layer, where it changes the classifier.
    """
    layer: nn.Linear = head.fc_cls
    calibration.to(layer.weight.device)
    with head.loss_cls.calibrated(calibration):
        try:
            if calibration.changes_classifier:
                head.fc_cls = changed(layer, calibration)
            yield
        finally:
            head.fc_cls = layer


@torch.no_grad()
def changed(layer: nn.Linear, calibration: Calibration) -> nn.Linear:
    """The linear layer [D] to [K] that the calibration puts in a trained one's place."""
    weight, bias = calibration.classifier(layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
    found = nn.Linear(layer.in_features, layer.out_features, bias=bias is not None, device=weight.device)
    found.load_state_dict({"weight": weight, **({} if bias is None else {"bias": bias})})
    return found.to(weight.dtype).requires_grad_(False)
