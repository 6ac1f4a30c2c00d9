"""A hook that saves every rank's model at the end of training, to be compared."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


@HOOKS.register_module()
class StateDump(Hook):
    """Writes <folder>/rank<k>.pth."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def after_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        torch.save(model.state_dict(), self.folder / f"rank{dist.get_rank()}.pth")
