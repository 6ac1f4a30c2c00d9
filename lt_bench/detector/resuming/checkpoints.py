"""Checkpoints from which a run goes on exactly: when they are written, and what is in them beside mmengine's.

They are written at the end of an optimizer step (of an accumulation), within an epoch too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, get_dist_info, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from lt_bench.detector.resuming.interval import Interval, parse_interval
from lt_bench.detector.resuming.order import OrderedBatches
from lt_bench.detector.resuming.random_state import random_state, set_random_state
from lt_bench.errors import StoppedError
from lt_bench.utils import stopping
from lt_bench.utils.checkpoint_files import write_checkpoint

SECONDS_BETWEEN_LOOKS = 2.0  # several processes ask each other so often whether to save


@HOOKS.register_module()
class RunCheckpointHook(Hook):
    """Writes checkpoints, and leaves when a signal asked for it.

    every: "500" optimizer steps or "30min" (see `parse_interval`). most_share: a checkpoint that would cost a larger
    share of the time since the one before waits. keep: how many of the newest stay. keep_epochs: those of the ends of
    epochs stay as well.

    Raises StoppedError, on all ranks after the same step, once the checkpoint is written.
    """

    priority = "LOWEST"  # after all that changes at the end of a step or an epoch

    def __init__(
        self, every: str = "10min", keep: int = 2, keep_epochs: bool = False, most_share: float = 0.05
    ) -> None:
        self.interval = Interval(parse_interval(every), most_share)
        self.keep, self.keep_epochs = keep, keep_epochs
        self._ranks: list[dict[str, Any]] = []  # what each rank saves of its own
        self._random: dict[str, Any] | None = None  # to go on with
        self._look_at = 0  # the iteration after which the ranks look at clock and signals next
        self._since = (0.0, 0)  # time and iteration of the last look

    def before_train(self, runner: Runner) -> None:
        self.interval.start(time.perf_counter(), runner.iter // _accumulated(runner))
        self._since = time.perf_counter(), runner.iter
        self._look_at = 0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        done = runner.iter + 1
        last = done == runner.max_iters
        if _by_epoch(runner) and (done % len(runner.train_dataloader) == 0 or not _knows_places(runner)):
            return  # at the end of the epoch
        if last or done % _accumulated(runner) == 0:
            self._look(runner, done, f"iter_{done}.pth", {"by_epoch": False}, must=last)

    def after_train_epoch(self, runner: Runner) -> None:
        if not _by_epoch(runner):
            return
        done, last = runner.iter, runner.iter == runner.max_iters
        if last or done % _accumulated(runner) == 0:
            name = f"epoch_{runner.epoch + 1}.pth"
            self._look(runner, done, name, {"by_epoch": True}, must=last or self.keep_epochs, kept=self.keep_epochs)

    def _look(
        self, runner: Runner, done: int, name: str, epoch: dict[str, bool], must: bool, kept: bool = False
    ) -> None:
        """Save if it is time to, and leave if a signal asks for it: on all ranks alike."""
        if not must and done < self._look_at:
            return
        save, stop = self._agree(runner, done)
        if not (must or save or stop):
            return
        self._save(runner, done, name, epoch, kept)
        if stop:
            raise StoppedError(stopping.requested() or "SIGTERM", f"{name} has what was done, {done} iterations")

    def _agree(self, runner: Runner, done: int) -> tuple[bool, bool]:
        """Whether to save, by the clock of rank 0, and whether any rank is to stop; sets when to look again."""
        _, world_size = get_dist_info()
        step, now = _accumulated(runner), time.perf_counter()
        stop = stopping.requested() is not None
        save, gap = False, step
        if is_main_process():
            stop = stop or (Path(runner.work_dir) / stopping.STOP_FILE).exists()
            save = self.interval.is_due(now, done // step)
            if world_size > 1:
                before, at = self._since
                per_iteration = (now - before) / max(1, done - at)
                gap = max(step, min(int(SECONDS_BETWEEN_LOOKS / max(per_iteration, 1e-9)), 2 * (done - at)))
        self._since = now, done
        if world_size > 1:
            told = torch.tensor([stop, save, gap if is_main_process() else 0], dtype=torch.int64)
            all_reduce(told, "max")
            stop, save, gap = bool(told[0]), bool(told[1]), int(told[2])
        self._look_at = done + gap
        return save, stop

    def _save(self, runner: Runner, done: int, name: str, epoch: dict[str, bool], kept: bool) -> None:
        began = time.perf_counter()
        own = {"random": random_state(), "buffers": {}}
        if get_dist_info()[1] > 1:  # BatchNorm's are each rank's own until the epoch ends
            own["buffers"] = {key: value.cpu() for key, value in _model(runner).named_buffers()}
        self._ranks = all_gather_object(own)
        if is_main_process():
            folder = Path(runner.work_dir)
            write_checkpoint(
                folder,
                name,
                done,
                lambda path: runner.save_checkpoint(str(folder), path.name, **epoch),
                keep=self.keep,
                kept=kept,
            )
        self._ranks = []
        cost, share = self.interval.saved(began, time.perf_counter(), done // _accumulated(runner))
        line = f"checkpoint {name}: {cost:.1f} s, {share:.1%} of the time since the last one"
        runner.logger.info(line)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        checkpoint["ranks"] = self._ranks

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Called for any weights; only a run that goes on takes states from them."""
        ranks = checkpoint.get("ranks")
        if runner._resume and ranks:
            own = ranks[get_dist_info()[0]]
            self._random = own["random"]
            known = checkpoint["state_dict"].keys() & own["buffers"].keys()
            checkpoint["state_dict"].update({name: own["buffers"][name] for name in known})

    def restore_random_state(self) -> None:
        """Set the state that was loaded, once."""
        if self._random is not None:
            set_random_state(self._random)
            self._random = None


def _accumulated(runner: Runner) -> int:
    """Iterations of an optimizer step."""
    return int(runner.cfg.optim_wrapper.get("accumulative_counts", 1))


def _by_epoch(runner: Runner) -> bool:
    return bool(runner.cfg.train_cfg.get("max_iters") is None)


def _knows_places(runner: Runner) -> bool:
    """Whether the data can begin within an epoch."""
    return isinstance(runner.train_dataloader.batch_sampler, OrderedBatches)


def _model(runner: Runner) -> torch.nn.Module:
    module: torch.nn.Module = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return module
