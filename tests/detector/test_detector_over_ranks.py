"""Whole detectors that two ranks train with an image each, against one process with both images.

In float64, in which rounding switches no ReLU and reorders no proposals. mmcv's NMS has float32 alone: it is given the
boxes and scores in it, and says which to keep.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from experiments import resolved
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from rank_cases import on_two_ranks, prepare
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

pytestmark = [pytest.mark.slow, pytest.mark.extra]  # two further processes for each
CLASSES = 40
STEPS = 2
EVERY = 10**6  # more than there are: nothing is drawn
# Objects of either rank's image; whether there are proposals beside them.
CASES = {"equal": ((3, 3), True), "no object": ((3, 0), True), "no RoI": ((3, 0), False)}
DETECTORS = ("mask_rcnn", "cascade_mask_rcnn")


class Loss(nn.Module):
    """The loss of a detector, as what DistributedDataParallel wraps."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.detector = MODELS.build(ConfigDict(config))
        self.detector.init_weights()
        self.double().train()

    def forward(self, images: Tensor, samples: list[DetDataSample]) -> Tensor:
        found = self.detector.loss(images, samples)
        return torch.stack(
            [term.sum() for name, value in found.items() if "loss" in name for term in _terms(value)]
        ).sum()


class _SinglePrecisionNMS:
    """In place of mmcv's NMS, whose arguments it takes."""

    stock: Any = None

    @classmethod
    def apply(cls, boxes: Tensor, scores: Tensor, *arguments: Any) -> Tensor:
        return cls.stock.apply(boxes.float(), scores.float(), *arguments)


@contextmanager
def any_precision() -> Iterator[None]:
    """Within it NMS takes boxes in float64 too."""
    module = sys.modules["mmcv.ops.nms"]  # as an attribute of mmcv.ops it is the function of that name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_SinglePrecisionNMS, "stock", module.NMSop)
        patch.setattr(module, "NMSop", _SinglePrecisionNMS)
        yield


def _terms(value: Any) -> Sequence[Tensor]:
    return value if isinstance(value, list | tuple) else [value]


def narrow(detector: str, loss: str, proposals: bool, folder: Path) -> dict[str, Any]:
    """A model in which equal images have equally many samples of each kind: all anchors, all proposals (of which 20 are
    kept, or none), and as positive RoIs the objects alone."""
    cfg, _ = resolved(folder, classes=CLASSES, dataset="glyphs", detector=detector, loss=loss)
    model: dict[str, Any] = _narrow(cfg.model.to_dict())
    model["backbone"].update(depth=18, base_channels=16, norm_eval=True)
    model["neck"]["in_channels"] = [16, 32, 64, 128]
    train = model["train_cfg"]
    train["rpn"]["sampler"]["num"] = EVERY
    train["rpn_proposal"].update(max_per_img=20, min_bbox_size=0 if proposals else EVERY)
    for stage in train["rcnn"] if isinstance(train["rcnn"], list) else [train["rcnn"]]:
        stage["sampler"]["num"] = EVERY
        stage["assigner"].update(pos_iou_thr=1.1, neg_iou_thr=1.1, min_pos_iou=1.1)
    return model


def _narrow(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: 16 if key.endswith("_channels") and isinstance(value, int) else _narrow(value)
            for key, value in node.items()
        }
    return [_narrow(value) for value in node] if isinstance(node, list) else node


def images(objects: Sequence[int]) -> tuple[Tensor, list[DetDataSample]]:
    """Noise of 64 x 80 pixels, with so many objects per image, which are in the same places in each."""
    rng = np.random.default_rng(0)
    corners = torch.tensor([[3.0, 5.0, 30.0, 28.0], [40.0, 8.0, 70.0, 40.0], [20.0, 30.0, 45.0, 60.0]]).double()
    samples = []
    for number in objects:
        shapes = {"img_shape": (64, 80), "pad_shape": (64, 80), "ori_shape": (64, 80), "scale_factor": (1.0, 1.0)}
        sample = DetDataSample(metainfo=shapes)
        sample.gt_instances = InstanceData(
            bboxes=corners[:number],
            labels=torch.from_numpy(rng.integers(0, CLASSES, number)),
            masks=BitmapMasks(rng.integers(0, 2, (number, 64, 80), dtype=np.uint8), 64, 80),
        )
        samples.append(sample)
    return torch.from_numpy(rng.normal(size=(len(objects), 3, 64, 80))), samples


def train(config: dict[str, Any], objects: Sequence[int], shares: Sequence[slice], ranks: bool) -> dict[str, Tensor]:
    """Steps of SGD on the mean of the losses of these shares of the images. ranks: of the one that is this rank's."""
    module = Loss(config)
    model: nn.Module = DistributedDataParallel(module, broadcast_buffers=False) if ranks else module
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    with any_precision():
        for _ in range(STEPS):
            pixels, samples = images(objects)
            optimizer.zero_grad()
            for share in shares:
                (model(pixels[share], samples[share]) / len(shares)).backward()
            optimizer.step()
    return {key: value.clone() for key, value in module.state_dict().items()}


def each(rank: int, configs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Tensor]]:
    own = [slice(rank, rank + 1)]
    return {name: train(config, CASES[name.split(", ")[1]][0], own, ranks=True) for name, config in configs.items()}


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By detector and case; the loss is seesaw, whose counts are summed over the ranks, where one process can tell what
    they give."""
    prepare()
    folder = tmp_path_factory.mktemp("data")
    return {
        f"{detector}, {case}": narrow(detector, "seesaw" if case == "equal" else "ce", proposals, folder)
        for detector in DETECTORS
        for case, (_, proposals) in CASES.items()
    }


@pytest.fixture(scope="module")
def ranks(
    configs: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, dict[str, Tensor]]]:
    return on_two_ranks(partial(each, configs=configs), tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("case", CASES)
def test_weights_are_those_of_one_process(
    configs: dict[str, dict[str, Any]], ranks: list[dict[str, dict[str, Tensor]]], detector: str, case: str
) -> None:
    """With both images at once where they have equally many samples; one after the other, as the mean, where not."""
    name = f"{detector}, {case}"
    together = [slice(0, 2)] if case == "equal" else [slice(0, 1), slice(1, 2)]
    expected = train(configs[name], CASES[case][0], together, ranks=False)
    moved = 0
    for key, before in Loss(configs[name]).state_dict().items():
        found, other = (rank[name][key] for rank in ranks)
        assert torch.equal(found, other), key
        step = (expected[key] - before).double()
        moved += bool(step.any())
        assert (found - expected[key]).double().norm() <= 1e-7 * step.norm() + 1e-12 * before.double().norm(), key
    assert moved > 30
