"""What is said of a lack of memory, and of a process that the system ended for it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from lt_bench.errors import RunFailedError
from lt_bench.sweep.causes import kind_of
from lt_bench.utils import memory


def asks_torch() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def asks_python() -> None:
    bytearray(1 << 62)


def of_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("fails", [asks_torch, asks_python, of_a_gpu])
def test_lack_of_memory_is_said_with_what_to_set(fails: Callable[[], None]) -> None:
    with pytest.raises(RunFailedError, match=r"^out of memory: .+\nset this$"), memory.explained("set this"):
        fails()


class Killed(IterableDataset[int]):
    """Its first process that loads ends by SIGKILL, the second waits for a while."""

    def __iter__(self) -> Iterator[int]:
        worker = get_worker_info()
        assert worker is not None
        if worker.id == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)
        yield worker.id


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_loads_images_and_is_killed_is_named_and_another_try_follows(workers: int) -> None:
    said = r"^DataLoader worker \(pid.*\) .*\nIt loaded images"
    with pytest.raises(RunFailedError, match=said) as failed, memory.explained("set this"):
        list(DataLoader(Killed(), num_workers=workers))
    assert kind_of(1, f"failed: {failed.value}") == "killed"


@pytest.mark.parametrize("said", ["(pid 7) is killed by signal: Killed. ", "(pid(s) 7, 8) exited unexpectedly"])
def test_both_ways_to_say_so_are_known(said: str) -> None:
    words = r"^DataLoader worker \(pid.* (Killed|unexpectedly)\nIt loaded"
    with pytest.raises(RunFailedError, match=words) as failed, memory.explained("set this"):
        raise RuntimeError(f"DataLoader worker {said}")
    assert kind_of(1, f"failed: {failed.value}") == "killed"


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), memory.explained("set this"):
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize(
    ("images", "amp", "named", "unnamed"),
    [
        (8, False, ("--images-per-device 4", "--gpus", "--amp"), ()),
        (1, False, ("--amp",), ("--images-per-device", "--gpus")),
        (2, True, ("--images-per-device 1", "--gpus"), ("--amp",)),
        (1, True, ("smaller images",), ("--images-per-device", "--gpus", "--amp")),
    ],
)
def test_only_what_can_still_be_set_is_named(
    images: int, amp: bool, named: tuple[str, ...], unnamed: tuple[str, ...]
) -> None:
    said = memory.in_training(images, amp)
    assert all(name in said for name in named) and not any(name in said for name in unnamed)
    assert "--restart" in said
