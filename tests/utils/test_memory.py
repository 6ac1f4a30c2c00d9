from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from lt_bench.errors import RunFailedError
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
