"""The early exit of NMS, against stock mmdet: the same bits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.models.layers import multiclass_nms
from mmdet.utils import register_all_modules
from nms_cases import BOXES, CONFIGURATIONS, SCORES, assert_same_bits, make_boxes, make_scores
from torch import Tensor

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.detector.candidate_boxes import DecodedBoxes
from lt_bench.detector.early_exit_nms import early_exit_nms, has_early_exit


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


def assert_equals_stock(boxes: Tensor, scores: Tensor, score_thr: float, cfg: dict[str, Any], limit: int) -> bool:
    """Returns whether there was an early exit."""
    num_classes = scores.shape[1] - 1
    assert has_early_exit(cfg)
    ours = early_exit_nms(DecodedBoxes(boxes, num_classes), scores, score_thr, cfg, limit)
    stock = multiclass_nms(boxes, scores, score_thr, cfg, limit, return_inds=True)
    for mine, other in zip(ours or (), stock if ours else (), strict=True):
        assert_same_bits(mine, other)
    return ours is not None


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    num_classes=st.sampled_from([1, 2, 7, 30]),
    shared=st.booleans(),
    box_kind=st.sampled_from(BOXES),
    score_kind=st.sampled_from(SCORES),
    score_thr=st.sampled_from([0.05, 1e-4, 0.3, -1.0, 0.99]),
    cfg=CONFIGURATIONS,
    limit=st.sampled_from([5, 1, 20, 300]),
)
def test_equals_stock(
    seed: int,
    count: int,
    num_classes: int,
    shared: bool,
    box_kind: str,
    score_kind: str,
    score_thr: float,
    cfg: dict[str, Any],
    limit: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = make_boxes(box_kind, count * (1 if shared else num_classes), generator).reshape(count, -1)
    scores = make_scores(score_kind, count, num_classes, generator)
    assert_equals_stock(boxes, scores, score_thr, cfg, limit)


@pytest.mark.parametrize("score_kind", ["random", "softmax", "ties among the low", "ties within a class", "few levels"])
@pytest.mark.parametrize("box_kind", ["random", "clustered", "below zero", "identical"])
@pytest.mark.parametrize("count, num_classes", [pytest.param(30, 1203, marks=pytest.mark.slow), (300, 80), (100, 60)])
def test_equals_stock_with_many_candidates(box_kind: str, score_kind: str, count: int, num_classes: int) -> None:
    """Up to 36,090 candidates, on both sides of mmcv's own split_thr."""
    generator = torch.Generator().manual_seed(count)
    boxes = make_boxes(box_kind, count * num_classes, generator).reshape(count, -1)
    scores = make_scores(score_kind, count, num_classes, generator)
    early = assert_equals_stock(boxes, scores, 1e-4, {"type": "nms", "iou_threshold": 0.5}, 100)
    # Unclipped boxes of two classes may meet when shifted.
    certain = score_kind in ("random", "softmax", "ties among the low") and box_kind in ("clustered", "identical")
    # Of identical boxes one survives per class.
    assert early or not certain or (box_kind == "identical" and num_classes < 100)


def test_equal_scores_are_left_to_mmdet_only_where_they_matter() -> None:
    """11 RoIs tie above 49 others that tie, below one RoI of distinct scores."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.full((60, 41), 0.2)
    scores[:11] = 0.25
    scores[0] = torch.rand(41, generator=generator) * 0.5 + 0.3
    boxes = make_boxes("grid", 60 * 40, generator).reshape(60, -1).abs()
    boxes[:, 2::4] += boxes[:, 0::4]
    boxes[:, 3::4] += boxes[:, 1::4]
    for limit in (5, 9, 39, 40, 41, 60, 100, 2399, 2401):
        assert assert_equals_stock(boxes, scores, 0.1, {"iou_threshold": 0.2, "split_thr": 10000}, limit)
        assert assert_equals_stock(boxes, scores, 0.1, {"iou_threshold": 0.2, "split_thr": 1}, limit) == (limit <= 40)


@pytest.mark.parametrize("split_thr", [1, 10000])
def test_the_shift_is_that_of_all_candidates(split_thr: int) -> None:
    """Each class has two boxes with an IoU of 0.5 before float32 rounds the shifted ones, and a third far away."""
    cfg = {"iou_threshold": 0.5, "split_thr": split_thr}
    scores = torch.rand(3, 1204, generator=torch.Generator().manual_seed(0))
    scores[2] = 1e-3  # never looked at
    kept = []
    for far in (1100.0, 1333.0):
        boxes = torch.tensor([[0.1, 0.0, 20.1, 30.0], [0.1 + 20 / 3, 0.0, 20.1 + 20 / 3, 30.0], [1e3, 1e3, far, far]])
        assert_equals_stock(boxes, scores, 1e-4, cfg, 300)
        kept.append(multiclass_nms(boxes, scores, 1e-4, cfg, 300, return_inds=True)[2].tolist())
    assert kept[0] != kept[1]


def overlapping_when_shifted(kind: str, num_classes: int) -> Tensor:
    """Boxes [20, C * 4] of which those of class c, shifted, lie on those of class c + 1, if only by rounding."""
    boxes = torch.rand(20, num_classes, 4, generator=torch.Generator().manual_seed(0)) * 10
    if kind == "below zero":
        boxes[..., :2] -= 10
        boxes[::2, 1:] -= 110
        boxes[..., 2:] += 90
    else:  # from corner to corner
        boxes[::2] = torch.tensor([0.0, 0.0, 0.3, 0.3]) * float(kind)
        boxes[1::2] = torch.tensor([0.7, 0.7, 1.0, 1.0]) * float(kind)
    return boxes.view(20, -1)


@pytest.mark.parametrize("kind", ["below zero", "333333344"])
def test_classes_that_meet_when_shifted_are_left_to_mmdet_after_the_split(kind: str) -> None:
    num_classes, limit = 40, 70 if kind[0].isdigit() else 20
    cfg = {"iou_threshold": 0.0 if kind[0].isdigit() else 0.3}
    boxes = overlapping_when_shifted(kind, num_classes)
    scores = torch.rand(20, num_classes + 1, generator=torch.Generator().manual_seed(1)) + 0.1
    together = multiclass_nms(boxes, scores, 0.05, {**cfg, "split_thr": 801}, limit, return_inds=True)[2]
    by_class = multiclass_nms(boxes, scores, 0.05, {**cfg, "split_thr": 800}, limit, return_inds=True)[2]
    assert not torch.equal(together, by_class)
    for split_thr in (1, 799, 800, 801):
        assert assert_equals_stock(boxes, scores, 0.05, {**cfg, "split_thr": split_thr}, limit) == (split_thr == 801)


@pytest.mark.parametrize("limit", [1, 7])
@pytest.mark.parametrize("marked", [0, 1, 2])
def test_none_one_and_two_candidates(marked: int, limit: int) -> None:
    boxes = make_boxes("random", 12, torch.Generator().manual_seed(0)).reshape(3, -1)
    scores = torch.zeros(3, 5)
    scores[:, 4] = 0.9  # background is no candidate
    scores[1, :marked] = 0.5
    for split_thr in (1, 10000):
        assert_equals_stock(boxes, scores, 0.05, {"iou_threshold": 0.5, "split_thr": split_thr}, limit)
        assert_equals_stock(boxes, scores, 0.5, {"iou_threshold": 0.5, "split_thr": split_thr}, limit)  # not above 0.5


def test_no_rois() -> None:
    assert_equals_stock(torch.zeros(0, 4), torch.zeros(0, 6), 0.05, {"iou_threshold": 0.5}, 10)


@pytest.mark.parametrize(
    "nms_cfg",
    [
        {"type": "soft_nms", "iou_threshold": 0.5},
        {"type": "nms", "iou_threshold": 0.5, "class_agnostic": True},
        {"type": "nms", "iou_threshold": -0.1},
        {"type": "nms"},
        None,
    ],
)
def test_other_nms_is_left_to_mmdet(nms_cfg: dict[str, Any] | None) -> None:
    assert not has_early_exit(nms_cfg)
