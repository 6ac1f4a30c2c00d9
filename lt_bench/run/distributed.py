"""The processes that torchrun started for one run: rank 0 prepares the config, the others wait for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

# Rank 0 checks the data before the first step and merges all predictions after the last, while the others wait.
TIMEOUT = timedelta(hours=6)

_config_sent = False


def world_size() -> int:
    """The number of processes that torchrun started, 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def is_rank_zero() -> bool:
    """Whether this is the process that prepares and records the run; true without torchrun."""
    return world_size() == 1 or int(os.environ["RANK"]) == 0


def init_process_group() -> None:
    """Join the process group, before mmengine does: on CPU its own way calls CUDA and fails. Once is enough."""
    import torch
    import torch.distributed as dist

    if world_size() == 1 or dist.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl", timeout=TIMEOUT)
    else:
        dist.init_process_group("gloo", timeout=TIMEOUT)


def destroy_process_group() -> None:
    """Leave the process group, if there is one."""
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def missing_silent_ranks() -> Iterator[None]:
    """Within it, a rank whose host or network went down ends the others within a minute.

    Of one host's ranks torchrun sees which have ended, so there is nothing to listen for.
    """
    from lt_bench.run import heartbeat

    if world_size() == int(os.environ.get("LOCAL_WORLD_SIZE", 1)):
        yield
        return
    with heartbeat.listening(int(os.environ["RANK"]), world_size(), heartbeat.connect_to_group, heartbeat.leave):
        yield


def broadcast_config(config: Path | None) -> None:
    """Rank 0 sends the others the config to train, once; None when there is nothing to train."""
    global _config_sent
    if world_size() > 1 and not _config_sent:
        _config_sent = True
        _broadcast(str(config) if config else None)


def receive_config() -> Path | None:
    """What rank 0 sent, on the other ranks."""
    config = _broadcast(None)
    return Path(config) if config else None


@contextmanager
def release_ranks_on_error() -> Iterator[None]:
    """On rank 0: when it can't prepare the run, the others are told that there is nothing to train."""
    try:
        yield
    except BaseException:
        broadcast_config(None)
        raise


def _broadcast(message: str | None) -> str | None:
    import torch.distributed as dist

    init_process_group()
    messages = [message]
    dist.broadcast_object_list(messages, src=0)
    return messages[0]
