"""A hook that ends one rank in the middle of training, as a config of a test names it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import torch.distributed as dist
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner


@HOOKS.register_module()
class DyingRank(Hook):
    """how: "killed" (SIGKILL), "raises", or "leaves" (os._exit). In the iteration after the first, on rank 1."""

    def __init__(self, how: str) -> None:
        self.how = how

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if dist.get_rank() == 1 and runner.iter == 1:
            Path("died").touch()  # when
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "leaves":
                os._exit(0)
            raise RuntimeError("the disk of rank 1 is gone")
