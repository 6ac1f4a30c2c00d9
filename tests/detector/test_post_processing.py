"""The early exit of NMS, against stock mmdet: the same bits."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.models.layers import multiclass_nms
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules
from mmengine.config import ConfigDict
from torch import Tensor

import lt_bench.detector  # noqa: F401 - registers the modules
from lt_bench.detector import candidate_boxes, post_processing
from lt_bench.detector.box_head import LongTailBBoxHead
from lt_bench.detector.candidate_boxes import DecodedBoxes, EncodedBoxes
from lt_bench.detector.post_processing import early_exit_nms, has_early_exit

IMAGE = (96, 128)


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register_all_modules()


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many candidates each NMS class by class was of."""
    sizes: list[int] = []
    nms_by_class = post_processing._Candidates._nms_by_class

    def count(self: Any, candidates: Tensor, largest: Tensor | None) -> Tensor:
        sizes.append(candidates.shape[0])
        return nms_by_class(self, candidates, largest)

    monkeypatch.setattr(post_processing._Candidates, "_nms_by_class", count)
    return sizes


def assert_same_bits(ours: Tensor, stock: Tensor) -> None:
    """Equal to the bit: NaN equals NaN, and 0 isn't -0."""
    assert (ours.dtype, ours.shape) == (stock.dtype, stock.shape)
    kind = torch.int32 if ours.dtype == torch.float32 else ours.dtype
    assert torch.equal(ours.contiguous().view(kind), stock.contiguous().view(kind))


def assert_equals_stock(boxes: Tensor, scores: Tensor, score_thr: float, cfg: dict[str, Any], max_num: int) -> None:
    num_classes = scores.shape[1] - 1
    assert has_early_exit(cfg)
    ours = early_exit_nms(DecodedBoxes(boxes, num_classes), scores, score_thr, cfg, max_num)
    stock = multiclass_nms(boxes, scores, score_thr, cfg, max_num, return_inds=True)
    for mine, other in zip(ours, stock, strict=True):
        assert_same_bits(mine, other)


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
CONFIGURATIONS = st.fixed_dictionaries(
    {"iou_threshold": st.sampled_from([0.5, 0.3, 0.0, 0.9, 1.0, -0.1])},
    optional={
        "type": st.just("nms"),
        "split_thr": st.sampled_from([1, 40, 200, 10000]),
        "offset": st.sampled_from([0, 1]),
        "class_agnostic": st.booleans(),
        "score_threshold": st.sampled_from([0.0, 0.2, 0.6, 2.0]),
        "max_num": st.sampled_from([-1, 2, 20]),
    },
)


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
@pytest.mark.parametrize("count, num_classes", [(30, 1203), (300, 80), (100, 60)])
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


def make_head(num_classes: int, class_agnostic: bool, loss: str = "ce", **coder: Any) -> LongTailBBoxHead:
    counts = list(range(1, num_classes + 1))
    head: LongTailBBoxHead = MODELS.build(
        {
            "type": "LongTailBBoxHead",
            "in_channels": 4,
            "fc_out_channels": 8,
            "roi_feat_size": 1,
            "num_classes": num_classes,
            "reg_class_agnostic": class_agnostic,
            "bbox_coder": {
                "type": "DeltaXYWHBBoxCoder",
                "target_means": [0.0] * 4,
                "target_stds": [0.1, 0.1, 0.2, 0.2],
                **coder,
            },
            "loss_cls": {
                "type": "LossAdapter",
                "loss": loss,
                "image_count": counts,
                "instance_count": counts,
                "num_images": num_classes,
            },
        }
    )
    return head


def make_inputs(
    head: LongTailBBoxHead, count: int, generator: torch.Generator, spread: float = 3.0
) -> tuple[Tensor, Tensor, Tensor]:
    """RoIs [count, 5], logits [count, K] and deltas [count, C * 4 or 4]."""
    height, width = IMAGE
    boxes = make_boxes("random", count, generator)
    rois = torch.cat([torch.zeros(count, 1), boxes[:, 0::2].clamp(0, width), boxes[:, 1::2].clamp(0, height)], 1)
    rois = rois[:, [0, 1, 3, 2, 4]]
    logits = torch.randn(count, head.loss_cls.loss.num_logits, generator=generator) * spread
    deltas = torch.randn(count, 4 if head.reg_class_agnostic else 4 * head.num_classes, generator=generator) * spread
    return rois, logits, deltas


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


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 300),
    rescale=st.booleans(),
    broken=st.booleans(),
    subset=st.floats(0.01, 1.0),
)
def test_a_part_decodes_as_the_whole(seed: int, count: int, rescale: bool, broken: bool, subset: float) -> None:
    """Vectorised kernels take other ways for the last elements of a tensor; the results must not depend on them."""
    generator = torch.Generator().manual_seed(seed)
    head = make_head(3, False)
    rois, _, deltas = make_inputs(head, count, generator)
    scale = (0.6, 0.61) if rescale else None
    if broken:
        deltas.view(-1)[int(torch.randint(0, deltas.numel(), (1,), generator=generator))] = float("nan")
    boxes = EncodedBoxes(head.bbox_coder, rois[:, 1:], deltas, IMAGE, scale)
    every = head.bbox_coder.decode(rois[:, 1:].repeat_interleave(3, 0), deltas.view(-1, 4), max_shape=IMAGE)
    if scale is not None:
        every = every * torch.tensor([scale * 2])
    chosen = torch.rand(count, 3, generator=generator) < subset
    chosen[0, 0] = True
    index = chosen.flatten().nonzero().squeeze(1)
    index = index[torch.randperm(index.shape[0], generator=generator)]
    assert_same_bits(boxes(index), every[index])
    with mock.patch.object(candidate_boxes, "_FIRST_CHUNK", 8):
        torch.testing.assert_close(boxes.largest(chosen), every[index].max(), rtol=0, atol=0, equal_nan=True)


def test_the_border_is_no_bound_without_clipping() -> None:
    head = make_head(1, False, clip_border=False)
    rois = torch.tensor([[0.0, 0.0, 128.0, 96.0], [0.0, 0.0, 100.0, 96.0]])
    deltas = torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]])
    with mock.patch.object(candidate_boxes, "_FIRST_CHUNK", 1):
        largest = EncodedBoxes(head.bbox_coder, rois, deltas, IMAGE).largest(torch.ones(2, 1, dtype=torch.bool))
    torch.testing.assert_close(largest, torch.tensor(190.0))  # 100 pixels, moved by 9 * 0.1 of their width


@pytest.mark.parametrize(
    "nms_cfg, named",
    [
        ({"type": "soft_nms", "iou_threshold": 0.5}, "soft_nms"),
        ({"type": "nms", "iou_threshold": 0.5, "weights": 1}, "weights"),
        (None, "without NMS"),
    ],
)
def test_other_nms_is_left_to_mmdet_with_one_warning(nms_cfg: dict[str, Any] | None, named: str) -> None:
    post_processing._decline.cache_clear()
    with pytest.warns(UserWarning, match=named) as caught:
        assert not has_early_exit(nms_cfg)
        assert not has_early_exit(nms_cfg)
    assert len(caught) == 1


@pytest.mark.filterwarnings("ignore:NMS of type 'soft_nms'")
def test_head_with_soft_nms_equals_stock() -> None:
    head = make_head(2, False)
    inputs = make_inputs(head, 100, torch.Generator().manual_seed(4), spread=0.3)
    cfg = ConfigDict(score_thr=0.05, nms={"type": "soft_nms", "iou_threshold": 0.5, "min_score": 0.05}, max_per_img=-1)
    assert_head_equals_stock(head, inputs, {"img_shape": IMAGE}, False, cfg)
