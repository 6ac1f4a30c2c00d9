"""The logits of one channel per RoI: what a 1 x 1 convolution over all classes computes, without the other classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmcv.cnn.bricks.wrappers import Conv2d
from mmdet.models.layers import NormedConv2d
from torch import Tensor, nn

from lt_bench.functional.chunks import CHUNK, first_order, on_cpu

GPU_CHUNK = 2**24  # entries of a temporary on a GPU: 64 MiB in float32, few enough kernels


def selected_logits(predictor: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """`predictor(x)` at the channel of each RoI's label.

    predictor: mask logits from features, a 1 x 1 convolution, plain or normalized (mmdet's NormedConv2d; Wang et al.,
    Seesaw Loss, CVPR 2021, section 3.3); of any other module all channels are computed. x [N, K, H, W]; labels int64
    [N], below the number of channels. Returns [N, 1, H, W], of the type that `predictor` returns, also under autocast.
    Memory grows with N, not with N times the number of channels.
    """
    if not _is_pointwise(predictor):
        logits: Tensor = predictor(x)
        return logits[torch.arange(len(labels), device=labels.device), labels][:, None]
    assert isinstance(predictor, nn.Conv2d) and predictor.bias is not None
    weight = predictor.weight[labels].flatten(1)[:, None]
    bias = predictor.bias[labels][:, None, None]
    pixels = x.flatten(2)
    if type(predictor) is NormedConv2d:
        logits = _normalized(pixels, weight, bias, predictor.power, predictor.eps, predictor.temperature)
    else:
        logits = torch.baddbmm(bias, weight, pixels)
    return logits.view(len(x), 1, *x.shape[2:])


def _is_pointwise(predictor: nn.Module) -> bool:
    """Whether every logit depends on one pixel, by a formula that is known."""
    return (
        type(predictor) in (nn.Conv2d, Conv2d, NormedConv2d)
        and isinstance(predictor, nn.Conv2d)
        and predictor.kernel_size == predictor.stride == (1, 1)
        and predictor.padding in ((0, 0), "valid", "same")
        and predictor.groups == 1
        and predictor.bias is not None
    )


def _normalized(pixels: Tensor, weight: Tensor, bias: Tensor, power: float, eps: float, temperature: float) -> Tensor:
    """temperature * <w / (|w|^power + eps), x / (|x|^power + eps)> + bias: pixels [N, K, P], weight [N, 1, K].

    Under autocast the norms are float32, as in mmdet, and so is the product, which is small; the result has the type
    of a convolution there.
    """
    device = pixels.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else pixels.dtype
    with torch.autocast(device, enabled=False):
        weight = weight * (temperature / (weight.norm(dim=2, keepdim=True).pow(power) + eps))
        logits: Tensor = _NormalizedProduct.apply(pixels, weight, power, eps)  # type: ignore[no-untyped-call]
        return (logits + bias).to(dtype)


class _NormalizedProduct(torch.autograd.Function):
    """y[n, p] = <w_n, x_np> / (|x_np|^power + eps), with no copy of x, neither normalized nor of another type.

    x is as large as all that the mask head keeps for one layer, and the predictor's backward comes first, when
    everything else is kept as well. So only the results' size is kept, and the one gradient written is the output.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, power: float, eps: float) -> Tensor:
        product, norm = (weight.new_empty(len(x), 1, x.shape[2]) for _ in range(2))
        for rows in _portions(x):
            part = x[rows].to(weight.dtype)
            product[rows] = weight[rows] @ part
            norm[rows] = part.norm(dim=1, keepdim=True)
        ctx.save_for_backward(x, weight, product, norm)
        ctx.power, ctx.eps = power, eps
        return product / (norm.pow(power) + eps)

    @staticmethod
    @first_order
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # with d = |x|^power + eps:   dy/dw = x / d,   dy/dx = w / d - <w, x> / d^2 * power |x|^(power - 2) x
        x, weight, product, norm = ctx.saved_tensors
        with torch.autocast(x.device.type, enabled=False):
            divisor = norm.pow(ctx.power) + ctx.eps
            along_weight = grad / divisor
            along_x = along_weight * product / divisor * -ctx.power * norm.pow(ctx.power - 2)
            along_x = along_x.masked_fill_(norm == 0, 0)  # torch's subgradient of a norm
            grad_x, grad_weight = torch.empty_like(x), torch.empty_like(weight)
            for rows in _portions(x):
                part = x[rows].to(weight.dtype)
                grad_weight[rows] = along_weight[rows] @ part.mT
                grad_x[rows] = torch.addcmul(part * along_x[rows], weight[rows].mT, along_weight[rows])
        return grad_x, grad_weight, None, None


def _portions(x: Tensor) -> Iterator[slice]:
    """The rows of x [N, K, P] in portions whose temporaries are small beside x."""
    rows = max(1, (CHUNK if on_cpu(x) else GPU_CHUNK) // max(1, x[:1].numel()))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)
