"""The box head that decodes and compares few boxes, against stock mmdet: the same bits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from box_head_cases import make_head, make_inputs
from hypothesis import given
from hypothesis import strategies as st
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from nms_cases import IMAGE, assert_same_bits
from torch import Tensor

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.detector.box_head import LongTailBBoxHead
from lt_bench.operators import in_use
from lt_bench.operators.choose import MissingOperatorError


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


def assert_head_equals_stock(
    head: LongTailBBoxHead, inputs: tuple[Tensor, Tensor, Tensor | None], meta: dict[str, Any], rescale: bool, cfg: Any
) -> None:
    ours = head._predict_by_feat_single(*inputs, meta, rescale, cfg)
    stock = Shared2FCBBoxHead._predict_by_feat_single(head, *inputs, meta, rescale, cfg)
    assert set(ours.keys()) == set(stock.keys())
    for key in ours.keys():  # noqa: SIM118 - it's no dict
        assert_same_bits(ours[key], stock[key])


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 50),
    num_classes=st.sampled_from([1, 3, 40]),
    class_agnostic=st.booleans(),
    loss=st.sampled_from(["ce", "focal", "ecm", "seesaw"]),
    coder=st.fixed_dictionaries({}, optional={"clip_border": st.booleans(), "add_ctr_clamp": st.booleans()}),
    rescale=st.booleans(),
    image=st.sampled_from([IMAGE, (*IMAGE, 3), (1000, 1000), None]),
    scale=st.sampled_from([(1.0, 1.0), (0.7, 1.3), (1.6653646, 1.6666666)]),
    spread=st.sampled_from([0.0, 0.3, 3.0, 50.0]),
    broken=st.sampled_from([None, None, float("nan"), float("inf"), 1e30]),
    split_thr=st.sampled_from([1, 200, 10000]),
    max_per_img=st.sampled_from([3, 20, 300, -1]),
)
def test_head_equals_stock(
    seed: int,
    count: int,
    num_classes: int,
    class_agnostic: bool,
    loss: str,
    coder: dict[str, bool],
    rescale: bool,
    image: tuple[int, ...] | None,
    scale: tuple[float, float],
    spread: float,
    broken: float | None,
    split_thr: int,
    max_per_img: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    head = make_head(num_classes, class_agnostic, loss, **coder)
    rois, logits, deltas = make_inputs(head, count, generator, spread)
    if broken is not None and count:
        deltas.view(-1)[int(torch.randint(0, deltas.numel(), (1,), generator=generator))] = broken
    nms_cfg = {"type": "nms", "iou_threshold": 0.5, "split_thr": split_thr}
    cfg = ConfigDict(score_thr=1e-4, nms=nms_cfg, max_per_img=max_per_img)
    meta = {"img_shape": image, "scale_factor": scale}
    assert_head_equals_stock(head, (rois, logits, deltas), meta, rescale, cfg)


@pytest.mark.parametrize("class_agnostic", [False, True])
@pytest.mark.parametrize("loss", ["ce", "ecm"])
def test_head_with_1203_classes(loss: str, class_agnostic: bool, looked_at: list[int]) -> None:
    head = make_head(1203, class_agnostic, loss)
    inputs = make_inputs(head, 40, torch.Generator().manual_seed(1))
    cfg = ConfigDict(score_thr=1e-4, nms={"type": "nms", "iou_threshold": 0.5}, max_per_img=300)
    meta = {"img_shape": IMAGE, "scale_factor": (1.2, 1.3)}
    assert_head_equals_stock(head, inputs, meta, True, cfg)
    assert sum(looked_at) < 10000


def test_raw_results_without_a_test_configuration_and_boxes_without_regression() -> None:
    head = make_head(5, False)
    rois, logits, deltas = make_inputs(head, 20, torch.Generator().manual_seed(2))
    meta = {"img_shape": IMAGE, "scale_factor": (2.0, 2.0)}
    assert_head_equals_stock(head, (rois, logits, deltas), meta, True, None)
    cfg = ConfigDict(score_thr=1e-4, nms={"type": "nms", "iou_threshold": 0.5}, max_per_img=10)
    assert_head_equals_stock(head, (rois, logits, None), meta, False, cfg)


def test_cascades_last_head_takes_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """CascadeRoIHead hands the images' logits, summed over its stages, to predict_by_feat of its last box head."""
    head = make_head(5, True)
    rois, logits, deltas = make_inputs(head, 20, torch.Generator().manual_seed(2))
    cfg = ConfigDict(score_thr=1e-4, nms={"type": "nms", "iou_threshold": 0.5}, max_per_img=3)
    meta = {"img_shape": IMAGE, "scale_factor": (2.0, 2.0)}
    stock = Shared2FCBBoxHead._predict_by_feat_single(head, rois, logits, deltas, meta, True, cfg)
    monkeypatch.setattr("mmdet.models.roi_heads.bbox_heads.bbox_head.multiclass_nms", None)  # can't be called
    (ours,) = head.predict_by_feat((rois,), (logits,), (deltas,), [meta], cfg, rescale=True)
    assert_same_bits(ours.bboxes, stock.bboxes)


def test_decodes_few_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 240,600 candidates; stock decodes all of them."""
    decoded: list[int] = []
    decode = DeltaXYWHBBoxCoder.decode

    def count(self: Any, bboxes: Tensor, *args: Any, **kwargs: Any) -> Any:
        decoded.append(bboxes.shape[0])
        return decode(self, bboxes, *args, **kwargs)

    head = make_head(1203, False)
    inputs = make_inputs(head, 200, torch.Generator().manual_seed(3))
    cfg = ConfigDict(score_thr=1e-5, nms={"type": "nms", "iou_threshold": 0.5}, max_per_img=300)
    monkeypatch.setattr(DeltaXYWHBBoxCoder, "decode", count)
    head._predict_by_feat_single(*inputs, {"img_shape": IMAGE, "scale_factor": (1.7, 1.7)}, True, cfg)
    # 1,200 candidates, 300 detections, and the first chunk of the search for the largest coordinate.
    assert 300 < sum(decoded) <= 1200 + 300 + 8192


def test_head_with_soft_nms_equals_stock() -> None:
    head = make_head(2, False)
    inputs = make_inputs(head, 100, torch.Generator().manual_seed(4), spread=0.3)
    cfg = ConfigDict(score_thr=0.05, nms={"type": "soft_nms", "iou_threshold": 0.5, "min_score": 0.05}, max_per_img=-1)
    if not in_use().soft_nms:
        with pytest.raises(MissingOperatorError, match="'softnms' is not among"):
            assert_head_equals_stock(head, inputs, {"img_shape": IMAGE}, False, cfg)
        return
    assert_head_equals_stock(head, inputs, {"img_shape": IMAGE}, False, cfg)
