"""What a run will need, before it runs: memory of a device and room on disk. Estimates, from the config alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from lt_bench.run.config import as_list

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config
    from torch import Tensor, nn

_FLOAT = 4  # bytes
_STATES = {"SGD": 1, "Adam": 2, "AdamW": 2}  # numbers that an optimizer keeps of each parameter
# Bytes of a detection, measured in the predictions of nine runs of glyphs and glyphs-lt (all seven losses, 164,000
# detections): 141 to 144 without the mask; 45 around the run lengths, which take 2.4 to 4.1 for each pixel of the
# box's width, also where masks are scaled up; 251 to 305 together, in those images of 96 pixels. Objects of LVIS are
# 70 pixels wide (977 of 100 validation images), so detections there have 360 to 480.
_BOX_ALONE = 150
_WITH_MASK = 480


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes on one device. weights: with buffers. gradients: with what the ranks exchange. optimizer: its state.
    activations: what the backward pass needs of the largest training images, in full precision.

    The sum is a lower bound: workspaces of convolutions, proposals, targets and fragmentation come on top.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


@dataclass(frozen=True)
class DiskEstimate:
    """Bytes. checkpoint: one of them; kept: how many lie there at most, the one being written among them.
    predictions: the file at its largest, and the parts that it is put together from.
    """

    checkpoint: int
    kept: int
    predictions: int

    @property
    def total(self) -> int:
        return self.checkpoint * self.kept + self.predictions


def memory(cfg: Config, devices: int, largest: tuple[int, int]) -> MemoryEstimate:
    """The memory of a training step, on each of so many devices.

    cfg: fitted to the devices. largest: width and height of the largest training image, in pixels, which counts where
    the config resizes none. The model is built and run on torch's meta device, which holds no data.
    """
    model = _on_meta(cfg)
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad) * _FLOAT
    weights = sum(value.nbytes for value in (*model.parameters(), *model.buffers()))
    return MemoryEstimate(
        weights=weights,
        gradients=trained * (2 if devices > 1 else 1),
        optimizer=trained * _states(cfg),
        activations=_kept_for_backward(model, cfg, _shape(cfg, largest)),
    )


def disk(cfg: Config, images: int) -> DiskEstimate:
    """What the folder of a run grows to. images: of the validation set. cfg: see `memory`."""
    model = _on_meta(cfg)
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad) * _FLOAT
    weights = sum(value.nbytes for value in (*model.parameters(), *model.buffers()))
    hook = cfg.default_hooks.checkpoint
    epochs = int(cfg.train_cfg.get("max_epochs") or 0) if hook.get("keep_epochs") else 0
    detection = _WITH_MASK if "mask_head" in cfg.model.roi_head else _BOX_ALONE
    return DiskEstimate(
        checkpoint=weights + trained * _states(cfg),
        kept=int(hook.get("keep", 1)) + 1 + epochs,
        predictions=2 * images * int(cfg.model.test_cfg.rcnn.max_per_img) * detection,
    )


def _states(cfg: Config) -> int:
    optimizer = cfg.optim_wrapper.optimizer
    if optimizer.type == "SGD" and not optimizer.get("momentum"):
        return 0
    return _STATES.get(optimizer.type, 2)


def _on_meta(cfg: Config) -> nn.Module:
    import mmdet.models  # noqa: F401 - registers the modules
    import torch
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope
    from mmengine.utils import import_modules_from_strings

    import_modules_from_strings(**cfg.custom_imports)
    with torch.device("meta"), torch.random.fork_rng(devices=[]), DefaultScope.overwrite_default_scope("mmdet"):
        model: nn.Module = MODELS.build(deepcopy(cfg.model))
    return model.train()


def _shape(cfg: Config, largest: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the largest padded image of a batch."""
    sizes = [scale for step in _steps(cfg.train_dataloader.dataset) for scale in _scales(step)] or [largest]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    divisor = int(cfg.model.data_preprocessor.get("pad_size_divisor", 1))
    return ceil(width / divisor) * divisor, ceil(height / divisor) * divisor


def _steps(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The steps of the pipelines of a data set and of what it wraps."""
    yield from dataset.get("pipeline") or ()
    if "dataset" in dataset:
        yield from _steps(dataset["dataset"])


def _scales(step: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    if "Resize" not in str(step.get("type")):
        return
    given = step.get("scales", step.get("scale"))
    for scale in given if given and isinstance(given[0], list | tuple) else [given] if given else ():
        yield int(max(scale)), int(min(scale))


def _kept_for_backward(model: Any, cfg: Config, shape: tuple[int, int]) -> int:
    """Bytes that autograd saves in a forward pass of images of `shape`, of every storage once, and the images."""
    import torch

    parameters = {value.untyped_storage()._cdata for value in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def save(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in parameters:
            kept[storage._cdata] = storage  # kept alive, so that no other gets its address
        return tensor

    images, (width, height) = int(cfg.train_dataloader.batch_size), shape
    batch = torch.empty(images, 3, height, width, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        outputs = [*(features := model.extract_feat(batch)), model.rpn_head(features)]
        outputs += _heads(model.roi_head, cfg, images)
    return batch.nbytes + sum(storage.nbytes() for storage in kept.values())


def _heads(roi_head: Any, cfg: Config, images: int) -> list[Any]:
    """The outputs of the RoI heads, for as many RoIs as each stage samples at most."""
    outputs: list[Any] = []
    stages, config = as_list(cfg.model.train_cfg.rcnn), cfg.model.roi_head
    for number, stage in enumerate(stages):
        x = _pooled(_of_stage(config.bbox_roi_extractor, number), images * int(stage.sampler.num))
        outputs.append(_of_stage(roi_head.bbox_head, number)(x))
    for number, stage in enumerate(stages if "mask_head" in config else ()):
        head, extractor = _of_stage(roi_head.mask_head, number), _of_stage(config.mask_roi_extractor, number)
        x = _pooled(extractor, round(images * stage.sampler.num * stage.sampler.pos_fraction))
        for convolution in head.convs:  # the logits are of one channel per RoI (see lt_bench/detector/mask_head.py)
            x = convolution(x)
        outputs.append(x if head.upsample is None else head.relu(head.upsample(x)))
    return outputs


def _pooled(extractor: Mapping[str, Any], rois: int) -> Tensor:
    import torch

    size = extractor["roi_layer"]["output_size"]
    return torch.empty(rois, extractor["out_channels"], size, size, device="meta", requires_grad=True)


def _of_stage(one_or_many: Any, number: int) -> Any:
    """Of the RoI head: a cascade has a list, with one for each stage."""
    from torch import nn

    return one_or_many[number] if isinstance(one_or_many, nn.ModuleList | list | tuple) else one_or_many
