"""Where the time of a training step and of an inference goes: seconds of the parts of one call."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lt_bench.selftest.stock import Detector
from lt_bench.testing.measure import Prepare, settle

REST = "the rest"
# Part -> the method whose time it is, without that of the parts inside it.
TRAINING_PARTS = {
    "backbone and FPN": "model.extract_feat",
    "RPN": "model.rpn_head.loss_and_predict",
    "RoI assigner": "model.roi_head.bbox_assigner.assign",
    "RoI sampler": "model.roi_head.bbox_sampler.sample",
    "RoIAlign of boxes": "model.roi_head.bbox_roi_extractor.forward",
    "box head": "model.roi_head.bbox_head.forward",
    "box targets": "model.roi_head.bbox_head.get_targets",
    "box losses": "model.roi_head.bbox_head.loss",
    "RoIAlign of masks": "model.roi_head.mask_roi_extractor.forward",
    "mask targets": "model.roi_head.mask_head.get_targets",
    "mask convolutions": "model.roi_head.mask_head.convs",
    "mask predictor and loss": "model.roi_head.mask_loss",
    "backward": "optimizer.backward",
    "clipping and optimizer": "optimizer.step",
}
INFERENCE_PARTS = {
    "backbone and FPN": "model.extract_feat",
    "RPN": "model.rpn_head.predict",
    "RoIAlign of boxes": "model.roi_head.bbox_roi_extractor.forward",
    "box head": "model.roi_head.bbox_head.forward",
    "post-processing": "model.roi_head.bbox_head.predict_by_feat",
    "RoIAlign of masks": "model.roi_head.mask_roi_extractor.forward",
    "mask convolutions": "model.roi_head.mask_head.convs",
    "mask predictor": "model.roi_head.predict_mask",
    "pasting of masks": "model.roi_head.mask_head.predict_by_feat",
    # What is left of a call is what follows the detector.
}


def breakdown(detector: Detector, prepare: Prepare, parts: dict[str, str], device: torch.device) -> dict[str, float]:
    """Seconds of each part of one call, in the order of `parts`, and of what is left. On CUDA every part waits for the
    device, so their sum exceeds the time of the call itself."""
    clock = _Clock(device)
    call = prepare()
    with clock.watch(detector, parts), clock.part(REST):
        call()
    return {name: float(f"{clock.seconds[name]:.4g}") for name in (*parts, REST)}


class _Clock:
    """Adds up the time of nested parts, each without the parts inside it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def _switch(self) -> None:
        settle(self.device)
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def watch(self, detector: Detector, parts: dict[str, str]) -> Iterator[None]:
        """While it is open, calls of the methods count as their part."""
        patched = []
        for name, path in parts.items():
            owner: Any = detector
            *owners, method = path.split(".")
            for attribute in owners:
                owner = getattr(owner, attribute)
            if method == "convs":
                for convolution in (*owner.convs, owner.upsample):
                    patched.append((convolution, "forward", self._watched(name, convolution.forward)))
            else:
                patched.append((owner, method, self._watched(name, getattr(owner, method))))
        before = [(owner, method, vars(owner).get(method)) for owner, method, _ in patched]
        for owner, method, watched in patched:
            setattr(owner, method, watched)
        try:
            yield
        finally:
            for owner, method, own in before:
                if own is None:
                    delattr(owner, method)
                else:
                    setattr(owner, method, own)

    def _watched(self, name: str, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return method(*args, **kwargs)

        return call
