"""Deltas that are computed when asked for, against the whole layer's, and what mmdet makes of those: the same bits.

Features and weights are small multiples of powers of two: their products add up without rounding in any order.
"""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from box_head_cases import make_head, make_inputs
from hypothesis import given
from hypothesis import strategies as st
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from nms_cases import IMAGE, assert_same_bits
from torch import Tensor, nn

from lt_bench.detector import candidate_boxes
from lt_bench.detector.deltas import LinearDeltas

DIMENSION = 16


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


def exact(count: int, classes: int, generator: torch.Generator) -> tuple[Tensor, nn.Linear]:
    layer = nn.Linear(DIMENSION, 4 * classes).requires_grad_(False)
    layer.weight.copy_(torch.randint(-4, 5, layer.weight.shape, generator=generator) / 8)
    layer.bias.copy_(torch.randint(-4, 5, layer.bias.shape, generator=generator) / 8)
    return torch.randint(0, 4, (count, DIMENSION), generator=generator).float(), layer


def linear_deltas(features: Tensor, layer: nn.Linear) -> LinearDeltas:
    return LinearDeltas(features, layer, LinearDeltas.longest_row(layer))


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    classes=st.integers(1, 20),
    calls=st.lists(st.integers(0, 100), max_size=5),
)
def test_any_candidates_have_the_layers_deltas(seed: int, count: int, classes: int, calls: list[int]) -> None:
    generator = torch.Generator().manual_seed(seed)
    features, layer = exact(count, classes, generator)
    deltas, every = linear_deltas(features, layer), layer(features)
    for size in calls:
        asked = torch.randint(0, count * classes, (size,), generator=generator)
        assert_same_bits(deltas(asked), every.view(-1, 4)[asked])
    assert deltas.bound() >= every.abs().max()
    assert_same_bits(deltas.every(), every)


def test_few_candidates_are_computed_alone() -> None:
    features, layer = exact(100, 50, torch.Generator().manual_seed(0))
    layer.weight[7 * 4 : 8 * 4] = torch.nan  # what was computed with another class would show
    deltas = linear_deltas(features, layer)
    assert not deltas(torch.tensor([8, 50 + 9, 50 * 99 + 8])).isnan().any()
    assert deltas.bound().isnan()
    assert deltas._every is None
    features[3, 5] = torch.nan
    assert linear_deltas(features, nn.Linear(DIMENSION, 200)).bound().isnan()
    deltas(torch.arange(5000))
    assert deltas._every is not None  # at half of them, the whole layer is no dearer


def test_rounding_is_all_that_differs() -> None:
    torch.manual_seed(0)
    layer, features = nn.Linear(1024, 4 * 300).requires_grad_(False), torch.randn(80, 1024)
    asked = torch.randint(0, 80 * 300, (200,))
    expected = (features.double() @ layer.weight.double().T + layer.bias.double()).view(-1, 4)[asked]
    torch.testing.assert_close(linear_deltas(features, layer)(asked).double(), expected, rtol=0, atol=1e-5)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 50),
    num_classes=st.sampled_from([3, 40]),
    class_agnostic=st.sampled_from([False, False, False, True]),
    loss=st.sampled_from(["ce", "ecm"]),
    clip_border=st.booleans(),
    rescale=st.booleans(),
    broken=st.sampled_from([None, None, float("nan"), float("inf")]),
    split_thr=st.sampled_from([1, 1, 10000]),
    max_per_img=st.sampled_from([3, 20]),
)
def test_detections_are_those_of_mmdet(
    seed: int,
    count: int,
    num_classes: int,
    class_agnostic: bool,
    loss: str,
    clip_border: bool,
    rescale: bool,
    broken: float | None,
    split_thr: int,
    max_per_img: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    head = make_head(num_classes, class_agnostic, loss, clip_border=clip_border)
    rois, logits, _ = make_inputs(head, count, generator)
    features, layer = exact(count, 1 if class_agnostic else num_classes, generator)
    if broken is not None:
        features.view(-1)[int(torch.randint(0, features.numel(), (1,), generator=generator))] = broken
    nms = {"type": "nms", "iou_threshold": 0.5, "split_thr": split_thr}
    last = ({"img_shape": IMAGE, "scale_factor": (0.7, 1.3)}, rescale)
    cfg = ConfigDict(score_thr=1e-4, nms=nms, max_per_img=max_per_img)
    with mock.patch.object(candidate_boxes, "_FIRST_CHUNK", 2 * num_classes):  # else all deltas would be looked at
        ours = head._predict_by_feat_single(rois, logits, linear_deltas(features, layer), *last, cfg)
    stock = Shared2FCBBoxHead._predict_by_feat_single(head, rois, logits, layer(features), *last, cfg)
    for key in ("bboxes", "scores", "labels"):
        assert_same_bits(ours[key], stock[key])
