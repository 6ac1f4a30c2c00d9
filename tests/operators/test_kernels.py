"""nms and RoIAlign of every source that is here: equal to each other, and to what the papers define."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from operator_cases import BOTH, SOURCES, nms_inputs, plain_nms, roi_align, roi_align_inputs
from torch import Tensor

from lt_bench.operators import in_use
from lt_bench.operators.choose import Kernels

DTYPES = (torch.float32, torch.float64, torch.float16)


@pytest.fixture(params=list(SOURCES))
def kernels(request: pytest.FixtureRequest) -> Kernels:
    return SOURCES[request.param]


def equal(ours: Tensor, others: Tensor) -> bool:
    """To the bit, but for the sign of a zero."""
    return ours.dtype == others.dtype and np.array_equal(ours.numpy(), others.numpy(), equal_nan=True)


def test_there_are_operators() -> None:
    assert in_use().source in SOURCES


def test_nms_keeps_what_its_definition_keeps(kernels: Kernels) -> None:
    for name, boxes, scores, threshold, offset in nms_inputs():
        if not (boxes.isfinite().all() and scores.isfinite().all()) or len(scores.unique()) < len(scores) or offset:
            continue
        kept = kernels.nms(boxes, scores, threshold, 0)
        order = scores.argsort(descending=True).tolist()
        assert kept.tolist() == plain_nms(boxes, order, float(np.float32(threshold))), name


def bilinear(image: np.ndarray[Any, Any], y: float, x: float) -> float:
    """The value at a point, 0 further than one pixel outside; rows and columns count from pixel centres."""
    height, width = image.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return 0.0
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    dy, dx = y - top, x - left
    patch = image[top : top + 2, left : left + 2]
    return float(np.array([1 - dy, dy]) @ patch @ np.array([1 - dx, dx]))


def plain_roi_align(features: Tensor, rois: Tensor, arguments: dict[str, Any]) -> Tensor:
    """Mean of the points of a regular grid in each bin (He et al., Mask R-CNN, ICCV 2017, section 3), float64."""
    rows, columns = arguments["aligned_height"], arguments["aligned_width"]
    shift = 0.5 if arguments["aligned"] else 0.0
    output = torch.zeros(len(rois), features.shape[1], rows, columns, dtype=torch.float64)
    images = features.double().numpy()
    for index, roi in enumerate(rois.double().tolist()):
        left, top, right, bottom = (value * arguments["spatial_scale"] - shift for value in roi[1:])
        width, height = right - left, bottom - top
        if not arguments["aligned"]:
            width, height = max(width, 1.0), max(height, 1.0)
        down = arguments["sampling_ratio"] or int(np.ceil(height / rows))
        across = arguments["sampling_ratio"] or int(np.ceil(width / columns))
        for channel, row, column in np.ndindex(features.shape[1], rows, columns):
            values = [
                bilinear(
                    images[int(roi[0]), channel],
                    top + (row + (i + 0.5) / down) * height / rows,
                    left + (column + (j + 0.5) / across) * width / columns,
                )
                for i in range(down)
                for j in range(across)
            ]
            output[index, channel, row, column] = float(np.mean(values)) if values else 0.0
    return output


def test_roi_align_is_the_mean_of_its_points(kernels: Kernels) -> None:
    for name, features, rois, arguments in roi_align_inputs(torch.float64):
        if kernels.source == "mmcv":
            features = features.contiguous()  # its RoIAlign is wrong for channels_last
        if arguments["aligned_height"] == 2 and not name.startswith("inside out"):
            output, _ = roi_align(kernels, features, rois, arguments)
            assert torch.allclose(output, plain_roi_align(features, rois, arguments), atol=1e-10), name


def test_the_gradient_of_roi_align_is_its_transpose(kernels: Kernels) -> None:
    """RoIAlign is linear: <w, f(x)> = <gradient of <w, f>, x>."""
    for name, features, rois, arguments in roi_align_inputs(torch.float64):
        if kernels.source == "mmcv":
            features = features.contiguous()
        if not name.startswith("inside out"):
            output, gradient = roi_align(kernels, features, rois, arguments)
            weights = torch.linspace(-1, 1, output.numel()).view(output.shape).to(output)
            assert torch.allclose((weights * output).sum(), (gradient * features).sum(), atol=1e-9), name


@pytest.mark.skipif(not set(BOTH) <= set(SOURCES), reason="needs both; `make test-install` has them")
def test_torchvision_and_compiled_agree_to_the_bit() -> None:
    ours, theirs = SOURCES["torchvision"], SOURCES["compiled"]
    for name, *inputs in nms_inputs():
        assert equal(ours.nms(*inputs), theirs.nms(*inputs)), name
    for dtype in DTYPES:
        for name, features, rois, arguments in roi_align_inputs(dtype):
            if name.startswith("inside out") and arguments["aligned"]:
                continue  # mmcv raises, torchvision gives zeros
            ours_found = roi_align(ours, features, rois, arguments)
            theirs_found = roi_align(theirs, features, rois, arguments)
            assert all(map(equal, ours_found, theirs_found)), name
