"""Which operators run, and nms and RoIAlign against float64."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from lt_bench.operators import in_use
from lt_bench.operators.install import stand_in
from lt_bench.selftest import reference
from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.result import Wrong

COUNTS = (0, 1, 2, 300, 2000)  # boxes per image; an RPN hands on up to 2,000 per level
THRESHOLDS = (0.5, 0.7)  # of detections, and of proposals
# The kernels calculate coordinates in the features' type: at pixel 50, half precision is 1/64 of a pixel off or more,
# and that share of the difference between two pixels.
LIMITS = {torch.float32: 1e-4, torch.float16: 1e-1}


def which(context: CheckContext) -> Outcome:
    operators = in_use()
    if context.cuda and operators.cuda is None:
        raise Wrong(
            f"{operators} are for CPUs only: install the torchvision of torch {torch.__version__}, then "
            "`python -m lt_bench.operators`"
        )
    cuda = f", CUDA {operators.cuda}" if operators.cuda else ", CPU"
    alone = operators.source == "mmcv" or stand_in().is_file()
    note = "" if alone else "; code that imports mmcv without lt_bench finds none until `lt_bench doctor` was run"
    return Outcome(f"{operators}{cuda}{note}", {"source": operators.source, "version": operators.version})


def nms(context: CheckContext) -> Outcome:
    from mmcv.ops import nms as mmcv_nms

    rng = np.random.default_rng(0)
    kept = of = 0
    for count in COUNTS:
        for threshold in THRESHOLDS:
            boxes = _boxes(rng, count)
            boxes = boxes[reference.without_borderline(boxes, threshold)]
            scores = rng.permutation(len(boxes)) / max(1, len(boxes))
            expected = reference.nms(boxes, scores, threshold)
            given = (torch.tensor(values, dtype=torch.float32, device=context.device) for values in (boxes, scores))
            found = mmcv_nms(*given, threshold)[1].tolist()
            if found != expected:
                differing = len(set(found) ^ set(expected))
                raise Wrong(
                    f"{len(boxes)} boxes, IoU {threshold}: keeps {len(found)}, the definition {len(expected)}; "
                    f"{differing} differ" + ("" if differing else " in their order")
                )
            kept, of = kept + len(found), of + len(boxes)
    return Outcome(f"keeps the same {kept} of {of} boxes as its definition in float64", {"boxes": of, "kept": kept})


def _boxes(rng: np.random.Generator, count: int) -> reference.Array:
    """Boxes [count, 4] around few centres, so that many overlap; coordinates that float32 holds."""
    centre = rng.uniform(50, 500, (max(1, count // 10), 2))[rng.integers(0, max(1, count // 10), count)]
    centre = centre + rng.normal(0, 10, (count, 2))
    half = rng.uniform(5, 40, (count, 2))
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32).astype(np.float64)


def roi_align(context: CheckContext, dtype: torch.dtype) -> Outcome:
    """Forward and backward, with a fixed number of sampling points and with one that follows the RoI's size.

    In half precision, RoIs lie inside the image and points are fixed: what is outside, and how many points there are,
    would be a matter of rounding.
    """
    from mmcv.ops import roi_align as mmcv_roi_align

    rng = np.random.default_rng(0)
    worst = 0.0
    exact = dtype == torch.float32
    for size, scale, samples in ((7, 0.25, 0), (14, 0.125, 0), (7, 0.25, 2)) if exact else ((7, 0.25, 2),):
        features = rng.normal(size=(2, 3, 40, 50))
        rois = _rois(rng, 40, (40 / scale, 50 / scale), margin=0.1 if exact else -0.02)
        gradient = rng.normal(size=(len(rois), 3, size, size))
        features, gradient = (_rounded(values, dtype) for values in (features, gradient))
        leaf = torch.tensor(features, dtype=dtype, device=context.device)
        if in_use().reads_channels_last:  # as runs on a CPU lay features out
            leaf = leaf.contiguous(memory_format=torch.channels_last)
        leaf.requires_grad_()
        boxes = torch.tensor(rois, dtype=dtype, device=context.device)
        output = mmcv_roi_align(leaf, boxes, size, scale, samples, "avg", True)
        output.backward(torch.tensor(gradient, dtype=dtype, device=context.device))
        assert leaf.grad is not None
        rois = boxes.double().cpu().numpy()
        expected = {
            "forward": (output.detach(), reference.roi_align(features, rois, size, scale, samples)),
            "backward": (
                leaf.grad,
                reference.roi_align_gradient(gradient, features.shape, rois, size, scale, samples),
            ),
        }
        for what, (found, wanted) in expected.items():
            apart = float(np.abs(found.double().cpu().numpy() - wanted).max() / np.abs(wanted).max())
            if not apart <= LIMITS[dtype]:
                raise Wrong(f"{what} is {apart:.1e} off its definition in float64, limit {LIMITS[dtype]:.0e}")
            worst = max(worst, apart)
    return Outcome(f"forward and backward {worst:.1e} off float64 (limit {LIMITS[dtype]:.0e})", {"deviation": worst})


def _rois(rng: np.random.Generator, count: int, image: tuple[float, float], margin: float) -> reference.Array:
    """RoIs [count, 5] of two images of `image` (height, width) pixels, over the border by up to a share of `margin`."""
    height, width = image
    corner = rng.uniform(-margin, 0.9, (count, 2))
    end = np.minimum(corner + rng.uniform(0.03, 0.5, (count, 2)), 1 + margin)
    return np.concatenate([rng.integers(0, 2, (count, 1)), corner * (width, height), end * (width, height)], axis=1)


def _rounded(values: reference.Array, dtype: torch.dtype) -> reference.Array:
    return np.asarray(torch.tensor(values).to(dtype).double().numpy())


CHECKS = (
    Check("operators", "operators", which),
    Check("operators", "nms", nms),
    Check("operators", "roi_align float32", partial(roi_align, dtype=torch.float32)),
    Check("operators", "roi_align float16", partial(roi_align, dtype=torch.float16)),
)
