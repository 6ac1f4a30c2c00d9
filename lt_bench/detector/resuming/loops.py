"""mmengine's training loops, which begin where a checkpoint says, within an epoch too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader

from lt_bench.detector.hooks import hook_of
from lt_bench.detector.resuming.checkpoints import RunCheckpointHook
from lt_bench.detector.resuming.order import OrderedBatches, in_order

IN_PLACE_OF = {"EpochBasedTrainLoop": "RunEpochLoop", "IterBasedTrainLoop": "RunIterationLoop"}


@LOOPS.register_module()
class RunEpochLoop(EpochBasedTrainLoop):
    """EpochBasedTrainLoop that can go on within an epoch."""

    def __init__(self, runner: Any, dataloader: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, *args, **kwargs)
        self.dataloader: DataLoader[Any] = in_order(self.dataloader, runner.seed)

    def run_epoch(self) -> None:
        """What is left of the epoch."""
        done = self._iter - self._epoch * len(self.dataloader)
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        for number, batch in enumerate(_batches(self.dataloader, self.runner, done), done):
            self.run_iter(number, batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1


@LOOPS.register_module()
class RunIterationLoop(IterBasedTrainLoop):
    """IterBasedTrainLoop that passes over what was trained on already without loading it."""

    def __init__(self, runner: Any, dataloader: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, *args, **kwargs)
        self.dataloader: DataLoader[Any] = in_order(self.dataloader, runner.seed)
        batches = self.dataloader.batch_sampler
        if isinstance(batches, OrderedBatches) and isinstance(batches.sampler, InfiniteSampler):
            self.dataloader_iterator = _EndlessBatches(self.dataloader, runner)


class _EndlessBatches:
    """In place of mmengine's iterator, whose `skip_iter` knows batches of plain samplers alone."""

    def __init__(self, loader: Any, runner: Any) -> None:
        self._loader, self._runner, self._first = loader, runner, 0
        self._iterator: Iterator[Any] | None = None

    def skip_iter(self, number: int) -> None:
        self._first = number

    def __iter__(self) -> _EndlessBatches:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = _batches(self._loader, self._runner, self._first)
        return next(self._iterator)


def _batches(loader: Any, runner: Any, first: int) -> Iterator[Any]:
    """A loader's batches from number `first` of its epoch on, and the random state that the run goes on with.

    Making an iterator draws a random number. Where a run goes on within an epoch, that was before its state was saved,
    so the state is set afterwards; where it goes on with an epoch's beginning, before.
    """
    hook = hook_of(runner, RunCheckpointHook)
    if isinstance(loader.batch_sampler, OrderedBatches):
        loader.batch_sampler.first = first
    if not first:
        hook.restore_random_state()
    iterator: Iterator[Any] = iter(loader)
    hook.restore_random_state()
    return iterator
