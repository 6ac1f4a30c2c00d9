"""What a run will do, worked out and checked before anything is written or computed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from lt_bench.api.registry import build_loss, get_info
from lt_bench.data.dataset import Dataset
from lt_bench.errors import UserError
from lt_bench.leaderboard.fingerprint import images_left, innermost_dataset
from lt_bench.leaderboard.schema_run import Init
from lt_bench.operators import Operators, in_use
from lt_bench.run import distributed
from lt_bench.run.batch_split import fit_to_devices
from lt_bench.run.config import as_list, resolve
from lt_bench.run.experiment import Experiment
from lt_bench.run.fingerprint import fingerprint
from lt_bench.run.loss_trial import explained, try_loss
from lt_bench.run.manifest import RunManifest
from lt_bench.run.optional_packages import refuse_missing_packages
from lt_bench.run.overrides import refuse_contradictions, refuse_not_finite, refuse_untold
from lt_bench.run.pretrained import ensure_init
from lt_bench.run.stage2 import starting_point
from lt_bench.utils.system import refuse_unsupported

if TYPE_CHECKING:
    from mmengine.config import Config

    from lt_bench.api.loss import LongTailLoss

NOTE_LENGTH = 1000  # characters; a record holds no longer ones


@dataclass(frozen=True)
class Plan:
    """cfg: the config, fitted to the devices. devices: processes that share the batch."""

    cfg: Config
    manifest: RunManifest
    devices: int


def make_plan(
    experiment: Experiment,
    dataset: Dataset,
    devices: int | None,
    images_per_device: int | None,
    fetch: bool = True,
) -> Plan:
    """Resolve an experiment and try whatever can be tried at no cost.

    fetch: whether published weights that are not here yet are fetched.
    Raises UserError for a system that is not supported, a --set that spoils the config or makes the record untrue, a
    hyper-parameter out of range, a loss that fails or returns no scalar, weights or packages that can't be had, devices
    that can't share the batch or that mmcv's operators are not compiled for.
    """
    refuse_unsupported()
    refuse_untold(experiment)
    operators = _find_operators()  # mmdet can't be imported without
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with _blaming(experiment.overrides):
            cfg = resolve(experiment, dataset.paths, dataset.train)
            identity = fingerprint(cfg, dataset.digests())
            refuse_contradictions(cfg, experiment)
            refuse_missing_packages(cfg)
        loss = _build_loss(experiment, cfg, dataset)
        _refuse_linear_classifier(loss, experiment.loss, cfg)
    refuse_not_finite(experiment)
    warned = sorted({str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)})
    notes = [*dataset.assumed, *warned]
    with _blaming(experiment.overrides):
        notes += _left_out(cfg, len(dataset.val.image_ids))
        _refuse_padding(cfg, dataset)
    count = _count_devices(devices)
    cuda = _gpus(count) > 0
    with _blaming(experiment.overrides):
        _check_operators(cfg, operators, cuda)
    with _blaming(experiment.overrides):
        init = Init.model_validate(ensure_init(cfg, fetch))
        notes += starting_point(cfg)
    if not cuda or count == 1:  # else each process has a GPU of its own, and this one shall take none
        try_loss(loss, experiment.loss, "cuda" if cuda else "cpu")
    if experiment.amp and not cuda:
        raise UserError("--amp needs a GPU, and this machine has none", "leave out --amp")
    if images_per_device is not None:
        cfg.images_per_device = images_per_device
    info = get_info(experiment.loss)
    with _blaming(experiment.overrides):
        fit_to_devices(cfg, count, cuda)
        accumulated = cfg.optim_wrapper.accumulative_counts
        batch = f"{count} device(s) x {cfg.train_dataloader.batch_size} images x {accumulated} accumulated"
        per_image = cfg.model.test_cfg.rcnn.max_per_img  # --set may have changed it
        manifest = RunManifest(
            experiment=experiment,
            digest=experiment.digest(),
            fingerprint=identity,
            distribution=f"{info.distribution} {info.version}",
            hyper_parameters=dict(_loss_block(cfg)["hyper_parameters"]),
            init=init,
            batch=batch,
            detections_per_image=None if experiment.detections_per_image is None else per_image,
            image_files=dataset.image_files,
            notes=tuple(note[:NOTE_LENGTH] for note in (*notes, f"batch: {batch}")),
            started=datetime.now(timezone.utc),
        )
    return Plan(cfg, manifest, count)


@contextmanager
def _blaming(overrides: Mapping[str, Any]) -> Iterator[None]:
    """A config that can't be worked with is --set's doing, if there was one."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        if not overrides:
            raise
        mistake = f"--set spoils the config: {type(error).__name__}: {error}"
        raise UserError(mistake, f"look at {', '.join(overrides)}") from error


def _left_out(cfg: Config, images: int) -> list[str]:
    """A note when --set has the model predict a part of the validation images: all of them are evaluated."""
    left = images_left(innermost_dataset(cfg.test_dataloader), images)
    return [f"{left} of {images} validation images predicted: the objects in the others count as missed"][
        left == images :
    ]


def _refuse_padding(cfg: Config, dataset: Dataset) -> None:
    """The images of a batch are padded to the largest, and what is predicted of an image moves with it. So the batch,
    which the fingerprint leaves out, may be of several images only where all have one size."""
    batch = cfg.test_dataloader.batch_size
    if batch > 1 and len(np.unique(dataset.val.columns["image_size"], axis=0)) > 1:
        raise UserError(
            f"test_dataloader.batch_size is {batch}, and the validation images have several sizes: those of a batch "
            "are padded to the largest, which changes their predictions",
            "leave it at 1",
        )


def _loss_block(cfg: Config) -> Any:
    return as_list(cfg.model.roi_head.bbox_head)[0].loss_cls


def _refuse_linear_classifier(loss: LongTailLoss, name: str, cfg: Config) -> None:
    """For a loss of cosines. Building the model would refuse it too, but later."""
    from lt_bench.detector.loss_adapter import temperature_of

    if loss.cosine_logits:
        temperature_of(name, as_list(cfg.model.roi_head.bbox_head)[0].cls_predictor_cfg.get("temperature"))


def _build_loss(experiment: Experiment, cfg: Config, dataset: Dataset) -> LongTailLoss:
    """Build the loss once: a bad hyper-parameter shows now and not when the data is loaded."""
    from lt_bench.api.class_stats import ClassStats

    given = _loss_block(cfg)["hyper_parameters"]
    with explained(experiment.loss, "can't be built"):
        try:
            return build_loss(experiment.loss, ClassStats.from_file(dataset.train), **given)
        except (ValueError, TypeError) as error:
            settings = ", ".join(f"{key}={value!r}" for key, value in given.items())
            raise UserError(
                f"the loss {experiment.loss!r} can't be built: {error}", f"fix --loss-set {settings}" if given else ""
            ) from error


def _count_devices(asked: int | None) -> int:
    """The number of processes that share the batch. Raises UserError when torchrun started another number."""
    started = distributed.world_size()
    if started > 1 and asked not in (None, started):
        raise UserError(f"torchrun started {started} processes, --gpus asks for {asked}", "leave out --gpus")
    return started if started > 1 else asked or 1


def _gpus(devices: int) -> int:
    """The number of GPUs here, 0 on a machine without. Raises UserError when there are some, but not to be used."""
    import torch

    if not torch.cuda.is_available():
        return 0
    present = torch.cuda.device_count()
    here = int(os.environ.get("LOCAL_WORLD_SIZE", devices))
    if here > present:
        raise UserError(f"{here} GPUs were asked for, this machine has {present}", f"use --gpus {present} or fewer")
    return present


def _find_operators() -> Operators:
    try:
        return in_use()
    except ImportError as error:
        raise UserError(str(error), "lt_bench doctor") from error


def _check_operators(cfg: Config, operators: Operators, cuda: bool) -> None:
    """Raises UserError when mmcv's operators are for CPUs only beside a GPU, or lack one that the config asks for."""
    if cuda and operators.cuda is None:
        raise UserError(
            f"mmcv's operators ({operators}) are for CPUs only, but this machine has a GPU",
            "lt_bench doctor says how to get those for the GPU",
        )
    for block in _blocks(cfg.model.to_dict()):
        soft_nms = block.get("type") == "soft_nms"
        max_pooling = block.get("type") == "RoIAlign" and block.get("pool_mode") == "max"
        if (soft_nms and not operators.soft_nms) or (max_pooling and not operators.max_pooling):
            raise UserError(f"the config asks for {block}, which operators by {operators} lack", operators.remedy)


def _blocks(node: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a config."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ():
        yield from _blocks(child)
