"""The four models of the official ECM repository, value by value.

The expected values are those of janghyuncho/ECM-Loss, configs/effective_class_margin_loss/, and of the mmdetection
base configs that these build on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiments import resolved

from lt_bench.run.config import as_list
from lt_bench.run.fingerprint import EXACT_REPLACEMENTS

MODELS: dict[str, tuple[dict[str, Any], int, int, list[int]]] = {
    "r50_ecm_1x": ({"backbone": "r50", "schedule": "1x"}, 50, 12, [8, 11]),
    "r50_ecm_2x": ({"backbone": "r50", "schedule": "2x"}, 50, 24, [20, 22]),
    "r101_ecm_2x": ({"backbone": "r101", "schedule": "2x"}, 101, 24, [20, 22]),
    "c101_ecm_2x": ({"backbone": "r101", "schedule": "2x", "detector": "cascade_mask_rcnn"}, 101, 24, [20, 22]),
}


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any]:
    cfg, _ = resolved(tmp_path, **MODELS[request.param][0])
    return request.param, cfg


def test_schedule(model: tuple[str, Any]) -> None:
    name, cfg = model
    _, _, epochs, steps = MODELS[name]
    warmup, decay = cfg.param_scheduler
    assert cfg.train_cfg.max_epochs == epochs
    assert (decay.type, decay.milestones, decay.gamma, decay.by_epoch) == ("MultiStepLR", steps, 0.1, True)
    assert (warmup.type, warmup.start_factor, warmup.by_epoch) == ("LinearLR", 1e-4, False)
    # mmengine's LinearLR is at full rate at iteration end - 1: 10,000 iterations of warm-up
    assert (warmup.begin, warmup.end) == (0, 10001)


def test_optimizer(model: tuple[str, Any]) -> None:
    _, cfg = model
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer == {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4}
    assert cfg.optim_wrapper.clip_grad == {"max_norm": 5, "norm_type": 2}
    assert cfg.train_dataloader.batch_size == 16


def test_sampler_and_images(model: tuple[str, Any]) -> None:
    _, cfg = model
    dataset = cfg.train_dataloader.dataset
    assert EXACT_REPLACEMENTS.get(dataset.type, dataset.type) == "ClassBalancedDataset"
    assert dataset.oversample_thr == 1e-3
    resize = next(step for step in dataset.dataset.pipeline if "Resize" in step.type)
    assert [tuple(scale) for scale in resize.scales] == [(1333, side) for side in (640, 672, 704, 736, 768, 800)]
    assert resize.keep_ratio
    flip = next(step for step in dataset.dataset.pipeline if step.type == "RandomFlip")
    assert flip.prob == 0.5
    assert dataset.dataset.filter_cfg == {"filter_empty_gt": True, "min_size": 32}
    test_resize = next(step for step in cfg.test_dataloader.dataset.pipeline if step.type == "Resize")
    assert (tuple(test_resize.scale), test_resize.keep_ratio) == ((1333, 800), True)
    normalize = cfg.model.data_preprocessor
    assert normalize.mean == [123.675, 116.28, 103.53]
    assert normalize.std == [58.395, 57.12, 57.375]
    assert (normalize.bgr_to_rgb, normalize.pad_size_divisor) == (True, 32)


def test_predictors(model: tuple[str, Any]) -> None:
    _, cfg = model
    for head in as_list(cfg.model.roi_head.bbox_head):
        assert head.cls_predictor_cfg == {"type": "NormedLinear", "temperature": 20}
        assert head.prior_prob is None
    for head in as_list(cfg.model.roi_head.mask_head):
        assert head.predictor_cfg == {"type": "NormedConv2d", "temperature": 20}
        assert not head.get("class_agnostic", False)


def test_loss_in_every_stage(model: tuple[str, Any]) -> None:
    name, cfg = model
    heads = as_list(cfg.model.roi_head.bbox_head)
    assert len(heads) == (3 if name == "c101_ecm_2x" else 1)
    for head in heads:
        assert (head.loss_cls.type, head.loss_cls.loss) == ("LossAdapter", "ecm")
        assert head.loss_cls.get("loss_weight", 1.0) == 1.0
        assert head.loss_cls.image_count == [1, 40, 300]
        assert head.loss_cls.instance_count == [1, 55, 900]
        assert head.num_classes == 3


def test_boxes(model: tuple[str, Any]) -> None:
    name, cfg = model
    heads = as_list(cfg.model.roi_head.bbox_head)
    assert [head.bbox_coder.target_stds for head in heads] == [
        [0.1, 0.1, 0.2, 0.2],
        [0.05, 0.05, 0.1, 0.1],
        [0.033, 0.033, 0.067, 0.067],
    ][: len(heads)]
    stages = as_list(cfg.model.train_cfg.rcnn)
    assert [stage.sampler.num for stage in stages] == [512] * len(stages)
    assert [stage.sampler.pos_fraction for stage in stages] == [0.25] * len(stages)
    if name == "c101_ecm_2x":
        assert all(head.reg_class_agnostic for head in heads)
        assert all((head.loss_bbox.type, head.loss_bbox.beta) == ("SmoothL1Loss", 1.0) for head in heads)
        assert [stage.assigner.pos_iou_thr for stage in stages] == [0.5, 0.6, 0.7]
        assert not any(stage.assigner.match_low_quality for stage in stages)
        assert cfg.model.roi_head.stage_loss_weights == [1, 0.5, 0.25]
        assert cfg.model.rpn_head.loss_bbox == {"type": "SmoothL1Loss", "beta": 1.0 / 9.0, "loss_weight": 1.0}
        assert cfg.model.train_cfg.rpn_proposal.max_per_img == 2000
    else:
        assert not heads[0].reg_class_agnostic
        assert heads[0].loss_bbox.type == "L1Loss"
        assert stages[0].assigner.pos_iou_thr == 0.5


def test_detections(model: tuple[str, Any]) -> None:
    _, cfg = model
    rcnn = cfg.model.test_cfg.rcnn
    assert (rcnn.score_thr, rcnn.max_per_img) == (1e-4, 300)
    assert (rcnn.nms.type, rcnn.nms.iou_threshold) == ("nms", 0.5)
    assert rcnn.mask_thr_binary == 0.5


def test_backbone(model: tuple[str, Any]) -> None:
    name, cfg = model
    backbone = cfg.model.backbone
    assert (backbone.type, backbone.depth, backbone.style) == ("ResNet", MODELS[name][1], "pytorch")
    assert (backbone.frozen_stages, backbone.norm_eval) == (1, True)
    assert backbone.norm_cfg == {"type": "BN", "requires_grad": True}
    weights = {50: "resnet50-0676ba61.pth", 101: "resnet101-63fe2227.pth"}[backbone.depth]
    assert backbone.init_cfg.checkpoint.endswith(f"/{weights}")


def test_paper_recipe_uses_the_official_rounding(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, recipe="paper")
    assert as_list(cfg.model.roi_head.bbox_head)[0].loss_cls.hyper_parameters == {"float32_weights": True}
    assert cfg.param_scheduler[0].end == 10001


def test_mmdet_base_models_agree(model: tuple[str, Any]) -> None:
    """What the official configs inherit, compared with the base config that mmdet ships."""
    from importlib.resources import files

    from mmengine.config import Config

    name, cfg = model
    kind = "cascade-mask-rcnn" if name == "c101_ecm_2x" else "mask-rcnn"
    base = Config.fromfile(str(files("mmdet") / ".mim" / "configs" / "_base_" / "models" / f"{kind}_r50_fpn.py")).model
    ours = cfg.model
    assert ours.neck == base.neck
    assert ours.rpn_head == base.rpn_head
    assert ours.train_cfg.rpn == base.train_cfg.rpn
    assert ours.train_cfg.rpn_proposal == base.train_cfg.rpn_proposal
    assert ours.train_cfg.rcnn == base.train_cfg.rcnn
    assert ours.test_cfg.rpn == base.test_cfg.rpn
    for key in ("bbox_roi_extractor", "mask_roi_extractor"):
        assert ours.roi_head[key] == base.roi_head[key]
    assert ours.data_preprocessor.to_dict() == {**base.data_preprocessor.to_dict(), "pad_mask": True}


def test_faster_rcnn_is_mmdets_with_the_box_head_of_every_detector(tmp_path: Path) -> None:
    from importlib.resources import files

    from mmengine.config import Config

    cfg, _ = resolved(tmp_path, detector="faster_rcnn")
    ours, with_masks = cfg.model, resolved(tmp_path)[0].model
    folder = files("mmdet") / ".mim" / "configs" / "_base_" / "models"
    base = Config.fromfile(str(folder / "faster-rcnn_r50_fpn.py")).model
    for part in ("type", "data_preprocessor", "neck", "rpn_head", "train_cfg"):
        assert ours[part] == base[part]
    assert ours.test_cfg.rpn == base.test_cfg.rpn
    assert set(ours.roi_head) == set(base.roi_head)
    assert ours.roi_head.type == base.roi_head.type
    assert ours.roi_head.bbox_roi_extractor == base.roi_head.bbox_roi_extractor
    assert ours.roi_head.bbox_head == with_masks.roi_head.bbox_head
    assert {**ours.test_cfg.rcnn, "mask_thr_binary": 0.5} == with_masks.test_cfg.rcnn
