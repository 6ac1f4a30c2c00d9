"""Small mask heads, stock mmdet's and ours, and RoIs for them."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures.mask import BitmapMasks
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData
from torch import Tensor, nn

import lt_bench.detector  # noqa: F401 - registers the modules

PREDICTORS: dict[str, dict[str, Any]] = {
    "plain": {"type": "Conv"},
    "normalized": {"type": "NormedConv2d", "temperature": 20},
    "other power": {"type": "NormedConv2d", "temperature": 7.0, "power": 2, "eps": 1e-3, "norm_over_kernel": True},
}
CLOSE: dict[torch.dtype, dict[str, Any]] = {
    torch.float64: {"rtol": 1e-10, "atol": 1e-12},
    torch.float32: {"rtol": 1e-4, "atol": 2e-6},
}


def register() -> None:
    register_all_modules()
    MMLogger.get_instance("mmengine").setLevel(logging.ERROR)  # the heads report every initialised weight


def build(kind: str, predictor: dict[str, Any], classes: int, **arguments: Any) -> Any:
    """A small head; equal arguments give equal weights, and biases that aren't zero."""
    torch.manual_seed(0)
    head = MODELS.build(
        {
            "type": kind,
            "num_convs": 1,
            "in_channels": 4,
            "conv_out_channels": 8,
            "num_classes": classes,
            "predictor_cfg": predictor,
            **arguments,
        }
    )
    head.init_weights()
    nn.init.normal_(head.conv_logits.bias)
    return head


def heads(predictor: dict[str, Any], classes: int, dtype: torch.dtype, **arguments: Any) -> tuple[Any, Any]:
    """Stock mmdet's and ours."""
    stock, ours = (
        build(kind, predictor, classes, **arguments).to(dtype) for kind in ("FCNMaskHead", "LongTailMaskHead")
    )
    return stock, ours


def sampled(labels: Tensor, targets: int = 28) -> tuple[list[Any], list[InstanceData], ConfigDict]:
    """RoIs with these labels, of one object each in an image of 40 x 50 pixels."""
    rng = np.random.default_rng(len(labels))
    corners = torch.from_numpy(rng.uniform(0, 20, (len(labels), 4))).float()
    corners[:, 2:] += corners[:, :2] + 1
    result = InstanceData(pos_priors=corners, pos_assigned_gt_inds=torch.arange(len(labels)), pos_gt_labels=labels)
    masks = BitmapMasks(rng.integers(0, 2, (len(labels), 40, 50), dtype=np.uint8), 40, 50)
    return [result], [InstanceData(masks=masks)], ConfigDict(mask_size=targets)


def gradients(loss: Tensor, head: nn.Module, x: Tensor) -> dict[str, Tensor]:
    x.grad = None
    head.zero_grad()
    loss.sum().backward()
    found = {name: parameter.grad for name, parameter in head.named_parameters()} | {"x": x.grad}
    assert all(gradient is not None for gradient in found.values())
    return {name: gradient.clone() for name, gradient in found.items() if gradient is not None}


def selecting(head: Any, labels: Tensor) -> Any:
    return head.selecting(labels) if hasattr(head, "selecting") else torch.enable_grad()
