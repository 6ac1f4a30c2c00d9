"""The tasks of a job on several GPUs of several nodes, of which the scheduler starts one a GPU."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from submitit import JobEnvironment


def number() -> int:
    """Which task of its job this one is; 0 outside submitit."""
    return _environment().global_rank if _inside() else 0


def job_id() -> str:
    """What the scheduler calls this job; "" outside submitit."""
    return str(_environment().job_id) if _inside() else ""


def environment() -> dict[str, str]:
    """The variables that torchrun would set for the processes of one run, {} for a job of one task.

    Address and port are submitit's: submitit and torchrun are not meant to be stacked.
    """
    if not _inside() or _environment().num_tasks == 1:
        return {}
    from submitit.helpers import TorchDistributedEnvironment

    tasks = TorchDistributedEnvironment()
    return {
        "MASTER_ADDR": tasks.master_addr,
        "MASTER_PORT": str(tasks.master_port),
        "RANK": str(tasks.rank),
        "WORLD_SIZE": str(tasks.world_size),
        "LOCAL_RANK": str(tasks.local_rank),
        "LOCAL_WORLD_SIZE": str(tasks.local_world_size),
        "TORCHELASTIC_RUN_ID": job_id(),  # by this a run knows that others share it
    }


def _inside() -> bool:
    return "SUBMITIT_EXECUTOR" in os.environ


def _environment() -> JobEnvironment:
    import submitit

    return submitit.JobEnvironment()
