"""Lack of memory, said in words: what to set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lt_bench.errors import RunFailedError

# What torch says when a process that loads images is gone, wherever the training was just then.
_LOADER = re.compile(r"DataLoader worker \(pid.*?\) (?:is killed by signal: \w[\w ]*|exited unexpectedly)")
_GONE = (
    "It loaded images. If the system killed it, the machine's memory ran out: end what else takes memory, or run fewer "
    "jobs at a time. The same command, given again, goes on."
)


@contextmanager
def explained(remedy: str) -> Iterator[None]:
    """Within it, lack of memory, a GPU's or the machine's, raises RunFailedError with `remedy`, and so does the loss of
    a process that loads images, which the system kills first, with a remedy of its own."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if gone := _LOADER.search(str(error)):
            raise RunFailedError(f"{gone[0]}\n{_GONE}") from error
        if not is_lack_of_memory(error):
            raise
        raise RunFailedError(f"out of memory: {str(error) or 'of the machine'}\n{remedy}") from error


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether torch, on a GPU or a CPU, or Python could get no memory."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)  # torch has no class of its own


def in_training(images_per_device: int, amp: bool) -> str:
    """What to set for a training that passes so many images of a device at a time."""
    ways = []
    if images_per_device > 1:
        ways.append(f"--images-per-device {images_per_device // 2}, with the same global batch")
        ways.append("--gpus with more of them")
    if not amp:
        ways.append("--amp, whose rows stand in a table of their own")
    return (
        f"Less is needed with {'; '.join(ways) or 'smaller images (--set), which is another recipe'}. With another "
        "setting a run begins anew (--restart). Where another program took the memory, the same command goes on from "
        "the last checkpoint."
    )
