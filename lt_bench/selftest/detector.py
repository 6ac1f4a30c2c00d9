"""Mask predictor and post-processing against stock mmdet's, on the device, at LVIS's number of classes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.result import Wrong

CLASSES = 1203
IMAGE = (200, 300)  # height and width, pixels
PREDICTORS: Mapping[str, dict[str, Any]] = {
    "plain": {"type": "Conv"},
    "normalized": {"type": "NormedConv2d", "temperature": 20},
}
# Ours may be as far from float64 as stock mmdet is, and by so much more, which is rounding in another order.
SLACK = {torch.float32: 1e-5, torch.float16: 1e-3, torch.bfloat16: 5e-3}


def mask_predictor(context: CheckContext, amp: bool) -> Outcome:
    """Logits of each RoI's own class, the mask loss and all gradients."""
    dtype = context.half if amp else torch.float32
    worst: dict[str, float] = {"ours": 0.0, "stock": 0.0}
    for kind, predictor in PREDICTORS.items():
        exact = _mask_outputs(_mask_head("FCNMaskHead", predictor, context).double(), context, torch.float64)
        errors = {}
        for name, head in (("ours", "LongTailMaskHead"), ("stock", "FCNMaskHead")):
            found = _mask_outputs(_mask_head(head, predictor, context), context, dtype)
            errors[name] = {key: _error(found[key], exact[key]) for key in exact}
        for key, error in errors["ours"].items():
            if not error <= 1.2 * errors["stock"][key] + SLACK[dtype]:
                raise Wrong(
                    f"{kind} predictor: {key} is {error:.1e} off float64, stock mmdet's {errors['stock'][key]:.1e}"
                )
        worst = {name: max(worst[name], *errors[name].values()) for name in worst}
    return Outcome(
        f"logits, loss and gradients at most {worst['ours']:.0e} off float64, stock mmdet {worst['stock']:.0e}", worst
    )


def _mask_head(kind: str, predictor: dict[str, Any], context: CheckContext) -> Any:
    """A small head; equal arguments give equal weights."""
    from mmdet.registry import MODELS

    _register()
    torch.manual_seed(0)
    head = MODELS.build(
        {
            "type": kind,
            "num_convs": 1,
            "in_channels": 16,
            "conv_out_channels": 32,
            "num_classes": CLASSES,
            "predictor_cfg": predictor,
        }
    )
    for weight in head.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    return head.to(context.device)


def _mask_outputs(head: Any, context: CheckContext, dtype: torch.dtype) -> dict[str, Tensor]:
    """Logits [N, 1, H, W] of the RoIs' own classes, the loss and every gradient. A half dtype is autocast's."""
    from mmdet.structures.mask import BitmapMasks
    from mmengine.config import ConfigDict
    from mmengine.structures import InstanceData

    from lt_bench.selftest.stock import exact_convolutions

    rng = np.random.default_rng(0)
    labels = torch.tensor(rng.integers(0, CLASSES, 16), device=context.device)
    boxes = torch.tensor(_boxes(rng, len(labels)), dtype=torch.float32, device=context.device)
    masks = BitmapMasks(rng.integers(0, 2, (len(labels), *IMAGE), dtype=np.uint8), *IMAGE)
    objects = torch.arange(len(labels), device=context.device)
    sampled = InstanceData(pos_priors=boxes, pos_assigned_gt_inds=objects, pos_gt_labels=labels)
    features = torch.tensor(rng.normal(size=(len(labels), 16, 7, 7)), dtype=torch.float32, device=context.device)
    half = dtype in (torch.float16, torch.bfloat16)
    features = (features if half else features.to(dtype)).requires_grad_()
    selecting = head.selecting(labels) if hasattr(head, "selecting") else nullcontext()
    autocast = torch.autocast(context.device.type, dtype if half else context.half, enabled=half)
    with exact_convolutions():
        with autocast, selecting:
            logits = head(features)
            losses = head.loss_and_target(logits, [sampled], [InstanceData(masks=masks)], ConfigDict(mask_size=14))
            loss = losses["loss_mask"]["loss_mask"].sum()
        (1024 * loss).backward()  # lest gradients of half precision vanish
    if logits.shape[1] > 1:
        logits = logits[objects, labels][:, None]
    gradients = {f"gradient of {name}": weight.grad for name, weight in head.named_parameters()}
    return {"logits": logits.detach(), "loss": loss.detach(), "gradient of x": features.grad, **gradients}


def _error(found: Tensor, exact: Tensor) -> float:
    """Relative to the norm of all."""
    return float((found.double() - exact).norm() / exact.norm().clamp(min=1e-30))


def post_processing(context: CheckContext) -> Outcome:
    """Boxes, scores and labels to the bit, with many candidates and with few."""
    from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
    from mmengine.config import ConfigDict

    cfg = ConfigDict(score_thr=1e-4, nms={"type": "nms", "iou_threshold": 0.5}, max_per_img=300)
    meta = {"img_shape": IMAGE, "scale_factor": (1.2, 1.3)}
    detections = 0
    for loss in ("ce", "ecm"):
        head = _box_head(loss).to(context.device)
        for rois, shift in ((100, 0.0), (100, -6.0), (8, 0.0)):
            given = [value.to(context.device) for value in _box_outputs(head, rois, shift)]
            with torch.inference_mode():
                ours = head._predict_by_feat_single(*given, meta, True, cfg)
                stock = Shared2FCBBoxHead._predict_by_feat_single(head, *given, meta, True, cfg)
            if len(ours) != len(stock):
                raise Wrong(f"{loss}, {rois} RoIs: {len(ours)} detections, stock mmdet has {len(stock)}")
            for key in ("bboxes", "scores", "labels"):
                differing = int((ours[key] != stock[key]).sum())
                if differing:
                    raise Wrong(f"{loss}, {rois} RoIs: {differing} of {ours[key].numel()} {key} differ from mmdet's")
            detections += len(ours)
    return Outcome(f"boxes, scores and labels of {detections} detections are mmdet's, every bit", {"rows": detections})


def _box_head(loss: str) -> Any:
    from mmdet.registry import MODELS

    _register()
    counts = list(range(1, CLASSES + 1))
    coder = {"type": "DeltaXYWHBBoxCoder", "target_means": [0.0] * 4, "target_stds": [0.1, 0.1, 0.2, 0.2]}
    stats = {"image_count": counts, "instance_count": counts, "num_images": CLASSES}
    return MODELS.build(
        {
            "type": "LongTailBBoxHead",
            "in_channels": 4,
            "fc_out_channels": 8,
            "roi_feat_size": 1,
            "num_classes": CLASSES,
            "bbox_coder": coder,
            "loss_cls": {"type": "LossAdapter", "loss": loss, **stats},
        }
    )


def _box_outputs(head: Any, count: int, shift: float) -> tuple[Tensor, Tensor, Tensor]:
    """RoIs [count, 5], logits [count, K] and deltas [count, C * 4]; shift: of the logits of foreground classes."""
    rng = np.random.default_rng(count)
    rois = np.concatenate([np.zeros((count, 1)), _boxes(rng, count)], axis=1)
    logits = 3 * rng.normal(size=(count, head.loss_cls.loss.num_logits))
    logits[:, :CLASSES] += shift
    deltas = rng.normal(size=(count, 4 * CLASSES))
    return torch.tensor(rois).float(), torch.tensor(logits).float(), torch.tensor(deltas).float()


def masks(context: CheckContext) -> Outcome:
    """Pasted masks of detections, and their run lengths."""
    from mmengine.config import ConfigDict
    from pycocotools import mask as mask_api

    from lt_bench.detector.mask_encoding import encode_masks
    from lt_bench.selftest.stock import FLIPPED, exact_convolutions

    rng = np.random.default_rng(0)
    labels = torch.tensor(rng.integers(0, CLASSES, 16), device=context.device)
    boxes = torch.tensor(_boxes(rng, len(labels)), dtype=torch.float32, device=context.device)
    features = torch.tensor(rng.normal(size=(len(labels), 16, 7, 7)), dtype=torch.float32, device=context.device)
    meta = {"ori_shape": IMAGE, "scale_factor": (1.0, 1.0)}
    pasted = {}
    for kind in ("LongTailMaskHead", "FCNMaskHead"):
        head = _mask_head(kind, PREDICTORS["normalized"], context)
        selecting = head.selecting(labels) if hasattr(head, "selecting") else nullcontext()
        with torch.inference_mode(), exact_convolutions(), selecting:
            logits = head(features)
            given = logits, boxes, labels, meta, ConfigDict(mask_thr_binary=0.5)
            pasted[kind] = head._predict_by_feat_single(*given, rescale=True)
    ours, stock = pasted.values()
    flipped, pixels = int((ours != stock).sum()), int((ours | stock).sum())
    if not flipped <= FLIPPED * pixels:
        raise Wrong(f"{flipped} of {pixels} pixels differ from stock mmdet's")
    every = ours.cpu().numpy().astype(np.uint8)
    for number, (mask, rle) in enumerate(zip(every, encode_masks(ours), strict=True)):
        if rle["counts"] != mask_api.encode(np.asfortranarray(mask))["counts"].decode():
            raise Wrong(f"the run lengths of mask {number} are not those of pycocotools")
    return Outcome(
        f"{flipped} of {pixels} pixels differ from mmdet's; run lengths are pycocotools's",
        {"flipped": flipped, "pixels": pixels},
    )


def _boxes(rng: np.random.Generator, count: int) -> Any:
    """Boxes [count, 4] (x1, y1, x2, y2) inside IMAGE."""
    height, width = IMAGE
    corner = rng.uniform(0, 0.8, (count, 2))
    end = np.minimum(corner + rng.uniform(0.05, 0.5, (count, 2)), 1)
    return np.concatenate([corner * (width, height), end * (width, height)], axis=1)


def _register() -> None:
    from mmengine.registry import init_default_scope

    import lt_bench.detector  # noqa: F401  registers our modules

    init_default_scope("mmdet")


CHECKS = (
    Check("detector", "mask predictor", partial(mask_predictor, amp=False)),
    Check("detector", "mask predictor, AMP", partial(mask_predictor, amp=True)),
    Check("detector", "post-processing", post_processing),
    Check("detector", "masks", masks),
)
