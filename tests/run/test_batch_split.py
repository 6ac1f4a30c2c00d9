"""The global batch is the recipe's whatever the number of devices."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from experiments import resolved

from lt_bench.errors import UserError
from lt_bench.run.batch_split import fit_to_devices


@pytest.mark.parametrize("devices", [1, 2, 4, 8, 16])
def test_batch_is_always_the_recipes(tmp_path: Path, devices: int) -> None:
    cfg, _ = resolved(tmp_path)
    fit_to_devices(cfg, devices, cuda=True)
    assert devices * cfg.train_dataloader.batch_size * cfg.optim_wrapper.accumulative_counts == 16
    assert cfg.train_dataloader.batch_size <= 2


@pytest.mark.parametrize("devices", [3, 17, 32])
def test_unequal_shares_are_refused(tmp_path: Path, devices: int) -> None:
    cfg, _ = resolved(tmp_path)
    with pytest.raises(UserError, match="16 images equally") as caught:
        fit_to_devices(cfg, devices, cuda=True)
    assert "1, 2, 4, 8, 16" in caught.value.remedy


@pytest.mark.parametrize("max_iters", [None, 400])
def test_learning_rate_follows_optimizer_steps(tmp_path: Path, max_iters: int | None) -> None:
    """The rate at each optimizer step on one device is that of the formula: ratio + (1 - ratio) * step / warm-up."""
    from mmengine.optim import LinearLR, MultiStepLR

    cfg, _ = resolved(tmp_path, max_iters=max_iters, overrides={"param_scheduler.0.end": 31})
    fit_to_devices(cfg, 1, cuda=False)
    accumulate = cfg.optim_wrapper.accumulative_counts
    assert accumulate == 8
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    kinds = {"LinearLR": LinearLR, "MultiStepLR": MultiStepLR}
    schedulers = [
        kinds[arguments.pop("type")](optimizer, **arguments)
        for arguments in (scheduler.to_dict() for scheduler in cfg.param_scheduler)
        if not arguments["by_epoch"]
    ]
    for iteration in range(400 * accumulate if max_iters else 60 * accumulate):
        if iteration % accumulate == 0:
            step = iteration // accumulate
            expected = 0.02 * (1e-4 + (1 - 1e-4) * min(step, 30) / 30)
            if max_iters:
                expected *= 0.1 ** sum(step >= milestone for milestone in (267, 367))
            assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-9), f"step {step}"
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_max_iters_counts_optimizer_steps(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, max_iters=100)
    fit_to_devices(cfg, 1, cuda=False)
    assert cfg.train_cfg.max_iters == 800


def test_cpu_groups_use_gloo(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path)
    fit_to_devices(cfg, 2, cuda=False)
    assert cfg.launcher == "pytorch"
    assert cfg.env_cfg.dist_cfg.backend == "gloo"
    assert cfg.model_wrapper_cfg.device_ids is None


def test_trained_batchnorm_is_synchronised_on_gpus(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, init="random")
    fit_to_devices(cfg, 2, cuda=True)
    assert cfg.sync_bn == "torch"
