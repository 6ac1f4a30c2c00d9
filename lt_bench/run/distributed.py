"""The processes that torchrun started for one run: rank 0 leads, the others wait for its config."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

# Rank 0 checks the data before the first step and merges all predictions after the last, while the others wait.
PATIENCE = timedelta(hours=6)

_announced = False


def size() -> int:
    """The number of processes that torchrun started, 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """This process's number, 0 without torchrun."""
    return int(os.environ["RANK"]) if size() > 1 else 0


def join() -> None:
    """Join the process group, before mmengine does: on CPU its own way calls CUDA and fails. Once is enough."""
    import torch
    import torch.distributed as dist

    if size() == 1 or dist.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl", timeout=PATIENCE)
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)


def leave() -> None:
    """Leave the process group, if there is one."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def announce(config: Path | None) -> None:
    """Rank 0 tells the others which config to train; None when there is nothing to train."""
    global _announced
    if size() > 1 and not _announced:
        _announced = True
        _broadcast(str(config) if config else None)


def await_config() -> Path | None:
    """What rank 0 announced, on the other ranks."""
    config = _broadcast(None)
    return Path(config) if config else None


@contextmanager
def leading() -> Iterator[None]:
    """On rank 0: when it can't prepare the run, the others hear of it instead of waiting."""
    try:
        yield
    except BaseException:
        announce(None)
        raise


def _broadcast(message: str | None) -> str | None:
    import torch.distributed as dist

    join()
    messages = [message]
    dist.broadcast_object_list(messages, src=0)
    return messages[0]
