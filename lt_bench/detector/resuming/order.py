"""The order of the training data and the randomness of its augmentation, as functions of seed and position.

What needs no state can't be lost: the images of a batch follow from the seed, the epoch and the number of the batch,
and the random numbers that an image is augmented with from the seed, the epoch and its place in the order. Neither
depends on how many processes load the data, nor on where a run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmengine.dist import get_dist_info
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from lt_bench.detector.dataset import LVISFormatDataset, RepeatFactorDataset
from lt_bench.detector.resuming.random_state import seeded
from lt_bench.utils import sockets, stopping


class Draw(NamedTuple):
    """One image of the order. image: its index in the data set. epoch: 0 throughout for an order without epochs. place:
    in the epoch, over all ranks, so that it is the same for any number of them.
    """

    image: int
    epoch: int
    place: int


class OrderedBatches(BatchSampler):
    """The batches of mmengine's and mmdet's samplers, from batch `first` on.

    sampler: gives indices, the same ones for the same `epoch` whenever it is iterated, as mmengine's DefaultSampler
    does; or is an InfiniteSampler. shapes: whether an image is wider than high, by index: batches are then of one kind
    each, as mmdet's AspectRatioBatchSampler makes them. The skipped batches are passed over without reading any data.
    """

    def __init__(
        self, sampler: Sampler[int], batch_size: int, drop_last: bool, wide: Sequence[bool] | None = None
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.wide = wide
        self.first = 0

    def __iter__(self) -> Iterator[list[Draw]]:  # type: ignore[override]
        return islice(self._batches(), self.first, None)

    def _batches(self) -> Iterator[list[Draw]]:
        waiting: tuple[list[Draw], list[Draw]] = ([], [])
        for draw in self._draws():
            batch = waiting[self.wide is not None and bool(self.wide[draw.image])]
            batch.append(draw)
            if len(batch) == self.batch_size:
                yield batch[:]
                batch.clear()
        left = [*waiting[0], *waiting[1]]
        for begin in range(0, len(left), self.batch_size):
            batch = left[begin : begin + self.batch_size]
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def _draws(self) -> Iterator[Draw]:
        rank, world_size = get_dist_info()
        epoch = int(getattr(self.sampler, "epoch", 0))
        if hasattr(self.sampler, "skip"):
            self.sampler.skip(0)  # an InfiniteSampler's order begins where it was left, unless it is told
        for number, index in enumerate(self.sampler):
            yield Draw(index, epoch, number * world_size + rank)


class AugmentedInOrder(Dataset[Any]):
    """A data set whose images are augmented by random numbers that follow from `seed` and the draw, in any process."""

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset, self.seed = dataset, seed

    @property
    def metainfo(self) -> dict[str, Any]:
        """That of the data set, which mmengine asks for."""
        info: dict[str, Any] = self.dataset.metainfo
        return info

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, draw: Draw) -> Any:
        with seeded(self.seed, draw.epoch, draw.place):
            return self.dataset[draw.image]


@dataclass(frozen=True)
class QuietWorker:
    """Prepares a loader's worker: after `then` it leaves signals to the process that trains, which needs its batch
    before it can save. torch's own handler would end it."""

    then: Callable[[int], None] | None

    def __call__(self, worker: int) -> None:
        if self.then is not None:
            self.then(worker)
        stopping.leave_to_parent(sockets.last_act())


def in_order(loader: DataLoader[Any], seed: int) -> DataLoader[Any]:
    """The same training data in the same order, from a loader that can begin at any batch.

    loader: as mmengine builds it. seed: of the augmentation.
    """
    before: Any = loader.batch_sampler
    by_shape = isinstance(before, AspectRatioBatchSampler)
    if type(before) not in (BatchSampler, AspectRatioBatchSampler):
        return loader  # another kind of batches, of which nothing is known
    batches = OrderedBatches(
        before.sampler, before.batch_size, before.drop_last, _wide(loader.dataset) if by_shape else None
    )
    workers = (
        {"prefetch_factor": loader.prefetch_factor, "multiprocessing_context": loader.multiprocessing_context}
        if loader.num_workers
        else {}
    )
    return DataLoader(
        AugmentedInOrder(loader.dataset, seed),
        batch_sampler=batches,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        persistent_workers=loader.persistent_workers,
        **workers,
    )


def _wide(dataset: Any) -> Sequence[bool]:
    """Whether each image of a data set is at least as wide as high, [N]."""
    if isinstance(dataset, RepeatFactorDataset) and isinstance(dataset.dataset, LVISFormatDataset):
        return _wide(dataset.dataset)[dataset.repeat_indices]  # type: ignore[call-overload, no-any-return]
    if isinstance(dataset, LVISFormatDataset):
        sizes = dataset.data_list.sizes()
        return sizes[:, 0] >= sizes[:, 1]  # type: ignore[return-value]
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    return [info["width"] >= info["height"] for info in infos]
