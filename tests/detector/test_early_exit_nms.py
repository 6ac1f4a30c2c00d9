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
from lt_bench.detector import early_exit_nms as module
from lt_bench.detector.candidate_boxes import DecodedBoxes
from lt_bench.detector.early_exit_nms import early_exit_nms, has_early_exit


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


def assert_equals_stock(boxes: Tensor, scores: Tensor, score_thr: float, cfg: dict[str, Any], max_num: int) -> None:
    num_classes = scores.shape[1] - 1
    assert has_early_exit(cfg)
    ours = early_exit_nms(DecodedBoxes(boxes, num_classes), scores, score_thr, cfg, max_num)
    stock = multiclass_nms(boxes, scores, score_thr, cfg, max_num, return_inds=True)
    for mine, other in zip(ours, stock, strict=True):
        assert_same_bits(mine, other)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 60),
    num_classes=st.sampled_from([1, 2, 7, 30]),
    shared=st.booleans(),
    box_kind=st.sampled_from(BOXES),
    score_kind=st.sampled_from(SCORES),
    score_thr=st.sampled_from([0.05, 1e-4, 0.3, -1.0, 0.99]),
    cfg=CONFIGURATIONS,
    max_num=st.sampled_from([5, 1, 20, 300, 0, -1]),
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
    max_num: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = make_boxes(box_kind, count * (1 if shared else num_classes), generator).reshape(count, -1)
    scores = make_scores(score_kind, count, num_classes, generator)
    assert_equals_stock(boxes, scores, score_thr, cfg, max_num)


@pytest.mark.parametrize("score_kind", ["random", "softmax", "ties among the low", "ties within a class", "few levels"])
@pytest.mark.parametrize("box_kind", ["random", "clustered", "below zero", "identical"])
@pytest.mark.parametrize("count, num_classes", [pytest.param(30, 1203, marks=pytest.mark.slow), (300, 80), (100, 60)])
def test_equals_stock_with_many_candidates(
    box_kind: str, score_kind: str, count: int, num_classes: int, looked_at: list[int]
) -> None:
    """Up to 36,090 candidates, on both sides of mmcv's own split_thr."""
    generator = torch.Generator().manual_seed(count)
    boxes = make_boxes(box_kind, count * num_classes, generator).reshape(count, -1)
    scores = make_scores(score_kind, count, num_classes, generator)
    assert_equals_stock(boxes, scores, 1e-4, {"type": "nms", "iou_threshold": 0.5}, 100)
    # Only equal scores among those kept need all candidates (and too few survivors: one a class).
    if score_kind in ("random", "softmax", "ties among the low") and not (
        box_kind == "identical" and num_classes < 100
    ):
        assert sum(looked_at) < 10000


def test_equal_scores_at_the_edge_of_the_prefix(looked_at: list[int]) -> None:
    """Ten times as many candidates share the lowest score looked at as are looked at, and there are more below."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.full((60, 41), 0.2)
    scores[:11] = 0.25
    scores[0] = torch.rand(41, generator=generator) * 0.5 + 0.3
    boxes = make_boxes("grid", 60 * 40, generator).reshape(60, -1)
    for limit in (5, 9, 10, 11, 39, 40):
        for split_thr in (1, 10000):
            assert_equals_stock(boxes, scores, 0.1, {"iou_threshold": 0.2, "split_thr": split_thr}, limit)
    assert max(looked_at) == 440
    for limit in (41, 60, 100, 2399, 2400, 2401):  # equal scores among those kept
        assert_equals_stock(boxes, scores, 0.1, {"iou_threshold": 0.2, "split_thr": 1}, limit)
        assert looked_at[-1] == 2400


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
    elif kind == "apart":
        boxes[..., 2:] += 10
    else:  # from corner to corner
        boxes[::2] = torch.tensor([0.0, 0.0, 0.3, 0.3]) * float(kind)
        boxes[1::2] = torch.tensor([0.7, 0.7, 1.0, 1.0]) * float(kind)
    return boxes.view(20, -1)


@pytest.mark.parametrize(
    "kind, cfg",
    [
        ("below zero", {"iou_threshold": 0.3}),
        ("below zero", {"iou_threshold": 0.3, "offset": 1}),
        ("below zero", {"iou_threshold": 0.3, "class_agnostic": True}),
        ("333333344", {"iou_threshold": 0.0}),
        ("333333344", {"iou_threshold": 0.0, "offset": 1}),
        ("1333.3", {"iou_threshold": 0.0, "offset": 1}),
        ("apart", {"iou_threshold": -0.1}),
    ],
)
def test_classes_that_meet_when_shifted_stay_apart_after_the_split(
    kind: str, cfg: dict[str, Any], looked_at: list[int]
) -> None:
    num_classes, limit = 40, 70 if kind[0].isdigit() else 20
    boxes = overlapping_when_shifted(kind, num_classes)
    scores = torch.rand(20, num_classes + 1, generator=torch.Generator().manual_seed(1)) + 0.1
    together = multiclass_nms(boxes, scores, 0.05, {**cfg, "split_thr": 801}, limit, return_inds=True)[2]
    by_class = multiclass_nms(boxes, scores, 0.05, {**cfg, "split_thr": 800}, limit, return_inds=True)[2]
    assert not torch.equal(together, by_class)
    for split_thr in (1, 799, 800, 801):
        assert_equals_stock(boxes, scores, 0.05, {**cfg, "split_thr": split_thr}, limit)
    assert max(looked_at) < 800


@pytest.mark.parametrize("limit", [-1, 0, 1, 7])
@pytest.mark.parametrize("marked", [0, 1, 2])
def test_none_one_and_two_candidates(marked: int, limit: int) -> None:
    boxes = make_boxes("random", 12, torch.Generator().manual_seed(0)).reshape(3, -1)
    scores = torch.zeros(3, 5)
    scores[:, 4] = 0.9  # background is no candidate
    scores[1, :marked] = 0.5
    for split_thr in (1, 10000):
        assert_equals_stock(boxes, scores, 0.05, {"iou_threshold": 0.5, "split_thr": split_thr}, limit)
        assert_equals_stock(boxes, scores, 0.5, {"iou_threshold": 0.5, "split_thr": split_thr}, limit)  # not above 0.5
        dropped = {"iou_threshold": 0.5, "split_thr": split_thr, "score_threshold": 0.5}
        assert_equals_stock(boxes, scores, 0.05, dropped, limit)
        assert_equals_stock(boxes, scores, 0.05, {**dropped, "class_agnostic": True}, limit)


def test_no_rois() -> None:
    assert_equals_stock(torch.zeros(0, 4), torch.zeros(0, 6), 0.05, {"iou_threshold": 0.5}, 10)


@pytest.mark.parametrize(
    "nms_cfg, named",
    [
        ({"type": "soft_nms", "iou_threshold": 0.5}, "soft_nms"),
        ({"type": "nms", "iou_threshold": 0.5, "weights": 1}, "weights"),
        (None, "without NMS"),
    ],
)
def test_other_nms_is_left_to_mmdet_with_one_warning(nms_cfg: dict[str, Any] | None, named: str) -> None:
    module._decline.cache_clear()
    with pytest.warns(UserWarning, match=named) as caught:
        assert not has_early_exit(nms_cfg)
        assert not has_early_exit(nms_cfg)
    assert len(caught) == 1
