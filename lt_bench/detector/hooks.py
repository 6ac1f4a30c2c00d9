"""What a run measures of itself, and what keeps it sound."""

from __future__ import annotations

import sys
import time
from typing import Any, TypeVar

import torch
from mmdet.registry import HOOKS
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner


@HOOKS.register_module()
class RunMeterHook(Hook):
    """Training time and peak memory, carried on in the checkpoint so that a resumed run counts all of its time."""

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.training_seconds = 0.0
        self.peak_memory_bytes = 0
        self._since: float | None = None

    def _read(self) -> None:
        now = time.perf_counter()
        if self._since is not None:
            self.training_seconds += now - self._since
            self._since = now
        self.peak_memory_bytes = max(self.peak_memory_bytes, peak_memory_bytes())

    def before_train(self, runner: Runner) -> None:
        self._since = time.perf_counter()

    def after_train(self, runner: Runner) -> None:
        self._read()
        self._since = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        self._read()
        checkpoint["run_meter"] = {
            "training_seconds": self.training_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        meter = checkpoint.get("run_meter", {})
        self.training_seconds = float(meter.get("training_seconds", 0.0))
        self.peak_memory_bytes = int(meter.get("peak_memory_bytes", 0))


@HOOKS.register_module()
class AverageBatchNormHook(Hook):
    """Averages BatchNorm's running statistics over all ranks after each epoch: one model, whichever rank saves it.

    Where the run counts iterations, once, after the last of them: the last checkpoint is written then, before
    mmengine's loop ends its only epoch. Only BatchNorm's: the state of a loss is equal on all ranks already, and a seed
    has no mean.
    """

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if not isinstance(runner.train_loop, EpochBasedTrainLoop) and runner.iter + 1 == runner.max_iters:
            _average(runner.model)

    def after_train_epoch(self, runner: Runner) -> None:
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            _average(runner.model)


def _average(model: torch.nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            for buffer in (module.running_mean, module.running_var):
                all_reduce(buffer, "mean")


AnyHook = TypeVar("AnyHook", bound=Hook)


def hook_of(runner: Runner, kind: type[AnyHook]) -> AnyHook:
    """The hook of a kind that a runner has. Raises StopIteration when there is none."""
    return next(hook for hook in runner.hooks if isinstance(hook, kind))


def peak_memory_bytes() -> int:
    """Peak memory of this process: allocated on the GPU where there is one, else resident on the host."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    import resource  # not on Windows, where this module can be imported all the same

    scale = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
