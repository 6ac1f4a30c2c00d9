"""Candidates of NMS for the tests: boxes and scores of many kinds, and equality to the bit."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

IMAGE = (96, 128)


def assert_same_bits(ours: Tensor, stock: Tensor) -> None:
    """Equal to the bit: NaN equals NaN, and 0 isn't -0."""
    assert (ours.dtype, ours.shape) == (stock.dtype, stock.shape)
    kind = torch.int32 if ours.dtype == torch.float32 else ours.dtype
    assert torch.equal(ours.contiguous().view(kind), stock.contiguous().view(kind))


def make_boxes(kind: str, count: int, generator: torch.Generator) -> Tensor:
    """[count, 4]"""
    centre = torch.rand(count, 2, generator=generator) * 100
    size = torch.rand(count, 2, generator=generator) * 60
    if kind == "clustered":  # as a detector's: many on the same thing
        centre = centre[:3].repeat(count // 3 + 1, 1)[:count] + torch.rand(count, 2, generator=generator) * 8
        size = 30 + torch.rand(count, 2, generator=generator) * 8
    boxes = torch.cat([centre - size / 2, centre + size / 2], 1)
    if kind == "clustered":
        boxes = boxes.clamp(min=0)
    elif kind == "identical" and count:
        boxes = boxes[:1].expand(count, 4).abs().clone()
    elif kind == "empty":
        boxes[:, 2:] = boxes[:, :2]
    elif kind == "inside out":
        boxes = torch.cat([boxes[:, 2:], boxes[:, :2]], 1)
    elif kind == "grid":  # IoUs on the threshold
        boxes = (boxes / 10).round() * 10
    elif kind == "huge":
        boxes = boxes * 1e6
    elif kind == "below zero":
        boxes = boxes - 200
    elif kind == "not finite":
        extreme = torch.tensor([float("nan"), float("inf"), -float("inf")])
        hit = torch.rand(count, 4, generator=generator) < 0.02
        boxes[hit] = extreme[torch.randint(0, 3, (int(hit.sum()),), generator=generator)]
    return boxes


def make_scores(kind: str, count: int, num_classes: int, generator: torch.Generator) -> Tensor:
    """[count, num_classes + 1]"""
    shape = (count, num_classes + 1)
    scores = torch.rand(shape, generator=generator) ** 3
    if kind == "softmax":
        scores = (torch.randn(shape, generator=generator) * 3).softmax(1)
    elif kind == "few levels":
        scores = (scores * 8).round() / 8
    elif kind == "ties among the low":  # none among the first, so that the early exit is taken
        scores = torch.where(scores > 0.5, scores, (scores * 6).round() / 6)
    elif kind == "ties within a class":
        scores = ((scores * 6).round() + 1) / 8 + torch.arange(num_classes + 1) * 1e-3
    elif kind == "equal":
        scores = torch.full(shape, 0.3)
    elif kind == "not finite":
        extreme = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0])
        hit = torch.rand(shape, generator=generator) < 0.05
        scores[hit] = extreme[torch.randint(0, 5, (int(hit.sum()),), generator=generator)]
    return scores


BOXES = ["random", "clustered", "identical", "empty", "inside out", "grid", "huge", "below zero", "not finite"]
SCORES = ["random", "softmax", "few levels", "ties among the low", "ties within a class", "equal", "not finite"]
CONFIGURATIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"iou_threshold": st.sampled_from([0.5, 0.3, 0.0, 0.9, 1.0])},
    optional={
        "type": st.just("nms"),
        "split_thr": st.sampled_from([1, 40, 200, 10000]),
    },
)
