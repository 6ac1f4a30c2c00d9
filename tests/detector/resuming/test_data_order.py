"""The order of the data: mmengine's and mmdet's own, from any batch on, and augmentation that follows from it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmengine.dataset import DefaultSampler, InfiniteSampler, pseudo_collate
from torch.utils.data import BatchSampler, DataLoader, Dataset

from lt_bench.detector.resuming import order
from lt_bench.detector.resuming.order import AugmentedInOrder, Draw, OrderedBatches, QuietWorker, in_order


class Images(Dataset[Any]):
    """23 images, some of them upright; each item is made with random numbers of all three kinds."""

    metainfo: ClassVar = {"classes": ("one",)}

    def __len__(self) -> int:
        return 23

    def get_data_info(self, index: int) -> dict[str, int]:
        return {"width": 10 + index * 7 % 5, "height": 12}

    def __getitem__(self, index: int) -> list[float]:
        return [index, random.random(), float(np.random.rand()), float(torch.rand(()))]


IMAGES = Images()


def indices(batches: Iterator[list[Draw]]) -> list[list[int]]:
    return [[draw.image for draw in batch] for batch in batches]


@pytest.mark.parametrize("of_one_shape", [False, True])
@pytest.mark.parametrize("epoch", [0, 3])
def test_the_batches_are_those_of_the_libraries_from_any_one_on(of_one_shape: bool, epoch: int) -> None:
    kind = AspectRatioBatchSampler if of_one_shape else BatchSampler
    sampler = DefaultSampler(IMAGES, seed=5)
    sampler.set_epoch(epoch)
    expected = list(kind(sampler, batch_size=4, drop_last=False))
    loader = in_order(DataLoader(IMAGES, batch_sampler=kind(sampler, 4, False)), seed=0)
    batches = loader.batch_sampler
    assert isinstance(batches, OrderedBatches) and len(batches) == len(expected)
    for first in range(len(expected) + 1):
        batches.first = first
        assert indices(iter(batches)) == expected[first:]


def test_an_endless_order_goes_on_where_it_was_left() -> None:
    expected = iter(BatchSampler(InfiniteSampler(IMAGES, seed=5), 4, drop_last=False))
    whole = [next(expected) for _ in range(20)]
    batches = OrderedBatches(InfiniteSampler(IMAGES, seed=5), 4, drop_last=False)
    for first in (0, 7, 3):  # the same object, told anew
        batches.first = first
        found = iter(batches)
        assert [[draw.image for draw in next(found)] for _ in range(20 - first)] == whole[first:]


def test_a_place_is_the_same_over_any_number_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    def draws(ranks: int) -> set[Draw]:
        found = set()
        for rank in range(ranks):
            sampler = DefaultSampler(IMAGES, seed=5, round_up=False)
            sampler.rank, sampler.world_size = rank, ranks
            monkeypatch.setattr(order, "get_dist_info", partial(tuple, (rank, ranks)))
            found |= {draw for batch in OrderedBatches(sampler, 4, drop_last=False) for draw in batch}
        return found

    assert draws(1) == draws(2) == draws(3)
    assert {draw.place for draw in draws(1)} == set(range(23))


def test_augmentation_follows_from_seed_epoch_and_place_and_leaves_no_trace() -> None:
    images = AugmentedInOrder(IMAGES, seed=1)
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    before = random.random(), np.random.rand(), float(torch.rand(()))
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    first = images[Draw(3, 0, 8)]
    assert (random.random(), np.random.rand(), float(torch.rand(()))) == before
    assert images[Draw(3, 0, 8)] == first
    others = [AugmentedInOrder(IMAGES, seed=2)[Draw(3, 0, 8)], images[Draw(3, 1, 8)], images[Draw(3, 0, 9)]]
    for other in others:
        assert all(own != its for own, its in zip(first[1:], other[1:], strict=True))


def test_workers_change_nothing() -> None:
    def items(workers: int) -> list[Any]:
        sampler = DefaultSampler(IMAGES, seed=5)
        loader = DataLoader(IMAGES, 4, sampler=sampler, num_workers=workers, collate_fn=pseudo_collate)
        return list(in_order(loader, seed=3))

    assert items(0) == items(2)


def test_a_signal_to_all_processes_leaves_the_workers_alone() -> None:
    """As `timeout`, a terminal or a scheduler sends it: who trains needs the batches that are on their way."""
    loader = DataLoader(IMAGES, 4, num_workers=1, collate_fn=pseudo_collate, worker_init_fn=QuietWorker(None))
    others = set(multiprocessing.active_children())  # of other tests
    batches = iter(loader)
    first = next(batches)
    (worker,) = set(multiprocessing.active_children()) - others
    assert worker.pid is not None
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        os.kill(worker.pid, number)
    assert len(first) and sum(1 for _ in batches) == 5


def test_a_worker_ends_when_it_is_asked_again() -> None:
    """As multiprocessing asks it when the process that trains leaves: it then waits for the worker."""
    loader = DataLoader(IMAGES, 4, num_workers=1, persistent_workers=True, worker_init_fn=QuietWorker(None))
    others = set(multiprocessing.active_children())  # of other tests
    batches = iter(loader)
    next(batches)
    (worker,) = set(multiprocessing.active_children()) - others
    worker.terminate()
    worker.join(0.5)
    assert worker.is_alive()
    worker.terminate()
    worker.join(20)
    assert not worker.is_alive()


def test_batches_of_an_unknown_kind_stay_as_they_are() -> None:
    class Own(BatchSampler):
        pass

    loader = DataLoader(IMAGES, batch_sampler=Own(DefaultSampler(IMAGES, seed=5), 4, False))
    assert in_order(loader, seed=0) is loader
