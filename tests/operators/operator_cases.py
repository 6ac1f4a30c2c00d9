"""Every source of operators that is here, and inputs at which two implementations part first."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lt_bench.operators import by_compiler, by_torchvision, in_use
from lt_bench.operators.choose import Kernels

BOTH = ("torchvision", "compiled")
THRESHOLDS = (0.5, 0.7, 0.3, 0.0, 1.0)


def available() -> dict[str, Kernels]:
    found = {}
    for name, source in (("compiled", by_compiler), ("torchvision", by_torchvision)):
        try:
            found[name] = source.load()
        except (ImportError, OSError, RuntimeError, AttributeError):
            continue
    if in_use().source == "mmcv":
        own = importlib.import_module("mmcv._ext")
        found["mmcv"] = Kernels(
            "mmcv", "", own.nms, own.roi_align_forward, own.roi_align_backward, own.get_compiling_cuda_version, ""
        )
    return found


SOURCES = available()


def nms_inputs() -> Iterator[tuple[str, Tensor, Tensor, float, int]]:
    """Name, boxes [N, 4], scores [N], threshold, offset."""
    # IoU 3/10, which as a float is more than the double 0.3: whether 0.3 is rounded to a float decides
    yield "0.3", torch.tensor([[0.0, 0, 10, 1], [0, 0, 3, 1]]), torch.tensor([0.9, 0.8]), 0.3, 0
    generator = torch.Generator().manual_seed(0)
    for count in (0, 1, 2, 17, 100):
        for kind in ("spread", "clustered", "grid", "identical", "inside out", "not finite"):
            boxes = _boxes(kind, count, generator)
            for scores in ("distinct", "few levels", "equal", "not finite"):
                for threshold in THRESHOLDS:
                    for offset in (0, 1) if kind == "grid" else (0,):
                        name = f"{count} {kind} boxes, {scores} scores, IoU {threshold}, offset {offset}"
                        yield name, boxes, _scores(scores, count, generator), threshold, offset


def _boxes(kind: str, count: int, generator: torch.Generator) -> Tensor:
    centre = torch.rand(count, 2, generator=generator) * (100 if kind != "clustered" else 8)
    size = torch.rand(count, 2, generator=generator) * 60
    boxes = torch.cat([centre - size / 2, centre + size / 2], 1)
    if kind == "grid":  # IoUs on the threshold
        boxes = (boxes / 10).round() * 10
    elif kind == "identical":
        boxes = boxes[:1].expand(count, 4).clone()
    elif kind == "inside out":
        boxes = boxes[:, [2, 3, 0, 1]]
    elif kind == "not finite":
        hit = torch.rand(count, 4, generator=generator) < 0.05
        boxes[hit] = torch.tensor([float("nan"), float("inf"), -float("inf")]).repeat(count * 4)[: int(hit.sum())]
    return boxes


def _scores(kind: str, count: int, generator: torch.Generator) -> Tensor:
    scores = torch.rand(count, generator=generator)
    if kind == "few levels":
        scores = (scores * 4).round() / 4
    elif kind == "equal":
        scores = torch.full((count,), 0.3)
    elif kind == "not finite":
        hit = torch.rand(count, generator=generator) < 0.1
        scores[hit] = torch.tensor([float("nan"), float("inf"), -0.0]).repeat(count)[: int(hit.sum())]
    return scores


def roi_align_inputs(dtype: torch.dtype) -> Iterator[tuple[str, Tensor, Tensor, dict[str, Any]]]:
    """Name, features [2, 3, 13, 17], RoIs [K, 5], the other arguments."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 13, 17, generator=generator).to(dtype)
    for kind in ("inside", "across the border", "outside", "empty", "inside out", "none"):
        rois = _rois(kind, generator).to(dtype)
        for height, width in ((7, 7), (2, 3)):
            for scale in (1.0, 0.25):
                for sampling in (0, 1, 2):
                    for aligned in (True, False):
                        arguments = {
                            "aligned_height": height,
                            "aligned_width": width,
                            "spatial_scale": scale,
                            "sampling_ratio": sampling,
                            "pool_mode": 1,
                            "aligned": aligned,
                        }
                        for layout in (torch.contiguous_format, torch.channels_last):
                            laid_out = features.contiguous(memory_format=layout)
                            yield f"{kind} {dtype} {layout} {arguments}", laid_out, rois, arguments


def _rois(kind: str, generator: torch.Generator) -> Tensor:
    count = 0 if kind == "none" else 9
    corner = torch.rand(count, 2, generator=generator) * 10
    size = torch.rand(count, 2, generator=generator) * 6
    if kind == "across the border":
        corner, size = corner - 15, size * 10
    elif kind == "outside":
        corner = corner + 500
    elif kind == "empty":
        size = size * 0
    elif kind == "inside out":
        size = -size
    image = torch.randint(0, 2, (count, 1), generator=generator).float()
    return torch.cat([image, corner, corner + size], 1)


def roi_align(kernels: Any, features: Tensor, rois: Tensor, arguments: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Output [K, C, height, width] and the gradient [N, C, H, W] of its sum, each entry weighted."""
    output = features.new_zeros(len(rois), features.shape[1], arguments["aligned_height"], arguments["aligned_width"])
    none = features.new_zeros(0)
    kernels.roi_align_forward(features, rois, output, none, none, **arguments)
    weights = torch.linspace(-1, 1, output.numel()).view(output.shape).to(output)
    gradient = features.new_zeros(features.shape)
    kernels.roi_align_backward(weights, rois, none, none, gradient, **arguments)
    return output, gradient


def plain_nms(boxes: Tensor, order: list[int], threshold: float) -> list[int]:
    """Of the boxes in this order, each that overlaps none that was kept by more than the threshold."""
    kept: list[int] = []
    x1, y1, x2, y2 = boxes.numpy().T
    areas = (x2 - x1) * (y2 - y1)
    for one in order:
        width = np.maximum(0, np.minimum(x2[one], x2[kept]) - np.maximum(x1[one], x1[kept]))
        height = np.maximum(0, np.minimum(y2[one], y2[kept]) - np.maximum(y1[one], y1[kept]))
        both = width * height
        with np.errstate(invalid="ignore", divide="ignore"):  # empty boxes
            overlaps = both / (areas[one] + areas[kept] - both) > np.float64(threshold)  # not rounded to a float
        if not overlaps.any():
            kept.append(one)
    return kept


def python(code: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that finds what is in `path` first."""
    return subprocess.run(
        (sys.executable, "-c", code),
        cwd=path,
        env={**os.environ, "PYTHONPATH": str(path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
