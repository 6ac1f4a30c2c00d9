"""nms and RoIAlign by torchvision's kernels, called as mmcv's extension module is.

On a CPU they return what mmcv's return, bit for bit, with two differences: a RoI of negative or NaN size gives zeros
(mmcv raises), and channels_last inputs are read right (mmcv's compiled RoIAlign on CPU reads them as if they were
contiguous). On a GPU, nms compares inter / union with the threshold, and mmcv inter with threshold * union: pairs of
boxes whose IoU is the threshold within rounding can be decided differently.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lt_bench.operators import in_parallel
from lt_bench.operators.choose import ALL_OF_MMCV, Kernels, MissingOperatorError


def load() -> Kernels:
    """Raises ImportError, RuntimeError or AttributeError when there is no torchvision, or one of another torch."""
    import torchvision  # registers its kernels, and raises when they don't fit this torch

    for name in ("nms", "roi_align", "_roi_align_backward"):
        getattr(torch.ops.torchvision, name)
    return Kernels(
        source="torchvision",
        version=torchvision.__version__,
        nms=nms,
        roi_align_forward=in_parallel.forward(roi_align_forward),
        roi_align_backward=in_parallel.backward(roi_align_backward),
        cuda_version=cuda_version,
        remedy=f"{ALL_OF_MMCV}; on a CPU, LT_BENCH_OPERATORS=compiled has soft-NMS and max-pooled RoIAlign",
    )


def cuda_version() -> str:
    version = int(torch.ops.torchvision._cuda_version())
    return f"{version // 1000}.{version % 1000 // 10}" if version > 0 else "not available"


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Positions of the boxes kept, highest score first.

    boxes: [N, 4] as x1, y1, x2, y2 in pixels. scores: [N]. offset: 1 where a box of one pixel has x1 = x2, else 0.
    """
    if boxes.numel() == 0:
        return boxes.new_empty(0, dtype=torch.long)
    # mmcv's sort isn't stable and torchvision's is. So we sort as mmcv does, and torchvision is given ranks as scores.
    order = scores.sort(0, descending=True).indices
    ranked = boxes.index_select(0, order)
    if ranked.dtype in (torch.float16, torch.bfloat16):
        ranked = ranked.float()  # ranks above 2048 (256) are not exact in half types
    if offset:
        ranked = ranked + ranked.new_tensor([0, 0, offset, offset])
    ranks = torch.arange(len(ranked), 0, -1, dtype=ranked.dtype, device=ranked.device)
    threshold = float(np.float32(iou_threshold))  # mmcv's is a float, torchvision's a double
    return order[torch.ops.torchvision.nms(ranked, ranks, threshold)]


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `output` [K, C, height, width] with the RoIs [K, 5] (image, x1, y1, x2, y2) of `input` [N, C, H, W]."""
    _refuse_max_pooling(pool_mode)
    with torch.autocast(input.device.type, enabled=False):  # torchvision's would compute in float32
        found = torch.ops.torchvision.roi_align(
            input, rois, spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned
        )
    output.copy_(found)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill `grad_input` [N, C, H, W] from `grad_output` [K, C, height, width]."""
    _refuse_max_pooling(pool_mode)
    found = torch.ops.torchvision._roi_align_backward(
        grad_output, rois, spatial_scale, aligned_height, aligned_width, *grad_input.shape, sampling_ratio, aligned
    )
    grad_input.copy_(found)


def _refuse_max_pooling(pool_mode: int) -> None:
    if pool_mode != 1:
        raise MissingOperatorError("roi_align with pool_mode='max'", load())
