"""One resolved config as two detectors of the same weights: with lt_bench's modules, and with mmdet's own."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmengine.structures import InstanceData
from torch import Tensor

import lt_bench.detector  # noqa: F401  registers our modules
from benchmarks.common import OURS, STOCK
from benchmarks.detector.synthetic_images import write_images
from lt_bench.data.lvis import load
from lt_bench.run.config import resolve
from lt_bench.run.experiment import Experiment
from lt_bench.selftest.stock import Detector, build_detector, stock_config

NEAR_OBJECTS = 300  # proposals of a training image that lie near an object
SPARSE = 0.02  # share of the scores above the threshold in a detector that has learned something


@dataclass(frozen=True)
class Setting:
    """Of one pair of detectors. scale: longest and shorter side of the images in pixels, at most. images: of a training
    batch. overrides: as `run --set` takes them."""

    classes: int = 1203
    backbone: str = "r50"
    loss: str = "ecm"
    amp: bool = False
    scale: tuple[int, int] = (1333, 800)
    images: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    overrides: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Pair:
    """detectors: STOCK and OURS -> Detector, equal weights. train: one batch as a data loader gives it. test: single
    images, likewise. category_ids: by label."""

    cfg: Config
    amp: bool
    detectors: dict[str, Detector]
    train: dict[str, Any]
    test: list[dict[str, Any]]
    category_ids: tuple[int, ...]

    def align(self) -> None:
        """Give both the same weights and buffers: steps of training round them differently."""
        self.detectors[STOCK].model.load_state_dict(self.detectors[OURS].model.state_dict())


def build_pair(setting: Setting, folder: Path) -> Pair:
    """Both detectors and their inputs, from synthetic images that are written into `folder`."""
    paths = write_images(folder, setting.classes)
    cfg = resolve(
        Experiment(
            setting.loss,
            backbone=setting.backbone,
            dataset="lvis_v1",
            amp=setting.amp,
            overrides=dict(setting.overrides),
        ),
        paths,
        load(paths.train),
    )
    init_default_scope("mmdet")
    _fit_images(cfg, setting.scale)
    cfg.model.backbone.init_cfg = None  # the layers that the recipe freezes stay frozen, with random weights
    cfg.optim_wrapper.optimizer.lr *= cfg.param_scheduler[0].start_factor  # the first steps of the warm-up
    models = {STOCK: stock_config(cfg.model), OURS: cfg.model}
    detectors = {name: build_detector(model, cfg.optim_wrapper, setting.device) for name, model in models.items()}
    for detector in detectors.values():
        detector.model.rpn_head.loss_and_predict = _NearObjects(detector.model.rpn_head.loss_and_predict)
    set_random_seed(0)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    test = DATASETS.build(cfg.test_dataloader.dataset)
    return Pair(
        cfg,
        setting.amp,
        detectors,
        train=pseudo_collate([train[index] for index in range(setting.images)]),
        test=[pseudo_collate([test[index]]) for index in range(len(test))],
        category_ids=tuple(test.metainfo["category_ids"]),
    )


def _fit_images(cfg: Config, scale: tuple[int, int]) -> None:
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        dataset = loader.dataset
        while "dataset" in dataset:
            dataset = dataset.dataset
        for step in dataset.pipeline:
            if step.type == "RandomChoiceResize":
                step.scales = [scale]
            elif step.type == "Resize":
                step.scale = scale


class _NearObjects:
    """Proposals of which NEAR_OBJECTS lie near objects: a new RPN finds none, and a trained one fills the quarter of
    the RoIs that may be foreground."""

    def __init__(self, loss_and_predict: Any) -> None:
        self.loss_and_predict = loss_and_predict

    def __call__(self, features: Any, data_samples: Any, **kwargs: Any) -> tuple[dict[str, Tensor], list[InstanceData]]:
        losses, proposals = self.loss_and_predict(features, data_samples, **kwargs)
        for found, sample in zip(proposals, data_samples, strict=True):
            boxes = sample.gt_instances.bboxes
            near = _moved(boxes, min(NEAR_OBJECTS, len(found.bboxes)))
            found.bboxes = torch.cat((near, found.bboxes[len(near) :]))
        return losses, proposals


def _moved(boxes: Tensor, count: int) -> Tensor:
    """`count` boxes [count, 4] (x1, y1, x2, y2): those given, moved and resized by about a tenth, always the same."""
    generator = torch.Generator().manual_seed(0)
    shift, grow = (0.1 * torch.randn(2, count, 2, generator=generator)).to(boxes.device)
    boxes = boxes[torch.arange(count, device=boxes.device) % len(boxes)]
    sides = boxes[:, 2:] - boxes[:, :2]
    middle = (boxes[:, 2:] + boxes[:, :2]) / 2 + shift * sides
    half = sides * grow.exp() / 2
    return torch.cat((middle - half, middle + half), 1)


def make_sparse(pair: Pair, share: float = SPARSE) -> float:
    """Lower the bias of the classes in both detectors until about `share` of the scores per image exceed the threshold.

    Random weights give every class of every RoI a score above it; a trained detector gives it to few. Returns the share
    that is reached.
    """
    threshold = pair.cfg.model.test_cfg.rcnn.score_thr
    head = pair.detectors[OURS].model.roi_head.bbox_head
    logits = _logits(pair.detectors[OURS].model, pair.test[0])
    classes = head.num_classes

    def above(shift: float) -> float:
        lowered = logits.clone()
        lowered[:, :classes] -= shift
        return float((head.loss_cls.get_activation(lowered)[:, :-1] > threshold).float().mean())

    low, high = 0.0, 40.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > share else (low, middle)
    for detector in pair.detectors.values():
        with torch.no_grad():
            detector.model.roi_head.bbox_head.fc_cls.bias[:classes] -= high
    return above(high)


@torch.no_grad()
def _logits(model: Any, data: dict[str, Any]) -> Tensor:
    """The classifier's logits [RoIs, K] for one image."""
    caught: list[Tensor] = []
    hook = model.roi_head.bbox_head.register_forward_hook(lambda module, inputs, output: caught.append(output[0]))
    try:
        model.eval()
        processed = model.data_preprocessor(deepcopy(data), False)
        features = model.extract_feat(processed["inputs"])
        proposals = model.rpn_head.predict(features, processed["data_samples"], rescale=False)
        rois = torch.cat([proposals[0].bboxes.new_zeros(len(proposals[0]), 1), proposals[0].bboxes], 1)
        model.roi_head._bbox_forward(features, rois)
    finally:
        hook.remove()
    return caught[0]
