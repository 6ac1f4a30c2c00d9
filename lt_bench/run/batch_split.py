"""Fits a config to the devices at hand: the global batch is always the recipe's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lt_bench.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config


def fit_to_devices(cfg: Config, devices: int, cuda: bool) -> None:
    """Share the global batch among `devices`; what one device can't take at a time is accumulated.

    Schedulers and loops that count iterations of the data loader are stretched by the number of accumulated
    iterations, so that they still count optimizer steps. Changes `cfg` in place.

    Raises UserError when the batch can't be shared equally.
    """
    batch = cfg.train_dataloader.batch_size
    for key, value in (("train_dataloader.batch_size", batch), ("images_per_device", cfg.images_per_device)):
        if type(value) is not int or value < 1:
            raise UserError(f"{key} is {value!r}", "give a whole number of at least 1")
    if devices < 1 or batch % devices:
        fitting = [count for count in range(1, batch + 1) if batch % count == 0]
        raise UserError(
            f"{devices} devices can't share the recipe's global batch of {batch} images equally",
            f"use one of {', '.join(map(str, fitting))} with --gpus; another batch "
            "(--set train_dataloader.batch_size=N) is another recipe, and its rows go into another table",
        )
    share = batch // devices
    per_device = max(size for size in range(1, share + 1) if share % size == 0 and size <= cfg.images_per_device)
    accumulate = share // per_device
    cfg.train_dataloader.batch_size = per_device
    cfg.optim_wrapper.accumulative_counts = accumulate
    if cfg.train_cfg.get("max_iters"):
        cfg.train_cfg.max_iters *= accumulate
        cfg.train_cfg.val_interval *= accumulate
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        if not loader.num_workers:
            loader.persistent_workers = False  # torch refuses persistent workers where there are none
    for scheduler in cfg.param_scheduler:
        if not scheduler.by_epoch:
            _stretch(scheduler, accumulate)
    if devices > 1:
        cfg.launcher = "pytorch"
        if not cuda:
            cfg.env_cfg.dist_cfg.backend = "gloo"
            cfg.model_wrapper_cfg = {
                "type": "MMDistributedDataParallel",
                "device_ids": None,
                "broadcast_buffers": False,
            }
            # There is no synchronised BatchNorm on CPU; at least all ranks must predict with the same statistics.
            cfg.custom_hooks.append({"type": "AverageBatchNormHook"})
        elif not cfg.model.backbone.norm_eval:
            cfg.sync_bn = "torch"  # BatchNorm in training must see the whole batch, as on one device


def _stretch(scheduler: Config, factor: int) -> None:
    if scheduler.type == "LinearLR":
        scheduler.end = (scheduler.end - 1) * factor + 1
    else:
        scheduler.end *= factor
    if "milestones" in scheduler:
        scheduler.milestones = [milestone * factor for milestone in scheduler.milestones]
