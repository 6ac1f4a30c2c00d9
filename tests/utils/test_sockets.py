"""What processes that load leave among the temporary files, however they or who started them ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from multiprocessing import process
from pathlib import Path

import pytest
import torch
from torch.utils import data
from torch.utils.data import DataLoader, TensorDataset

from lt_bench.detector.resuming.order import QuietWorker
from lt_bench.utils import sockets, stopping


def load(folder: Path, how: str) -> None:
    """As a training does, in a process of its own."""
    tempfile.tempdir = str(folder)
    process.current_process()._config.pop("tempdir", None)  # type: ignore[attr-defined]
    data._utils.worker.MP_STATUS_CHECK_INTERVAL = 0.2  # seconds until a loader sees that it is alone
    sockets.make_folder()
    loader = DataLoader(
        TensorDataset(torch.rand(40, 3)), 2, num_workers=2, persistent_workers=True, worker_init_fn=QuietWorker(None)
    )
    batches = iter(loader)
    next(batches)
    assert list(folder.glob("pymp-*/listener-*"))
    if how == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "its loaders are killed":
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()
        os.kill(os.getpid(), signal.SIGCHLD)
    stopping.dismiss()


@pytest.mark.parametrize("how", ["ends", "is killed", "its loaders are killed"])
def test_no_folder_is_left(tmp_path: Path, how: str) -> None:
    training = multiprocessing.get_context("fork").Process(target=load, args=(tmp_path, how))
    training.start()
    training.join(60)
    deadline = time.monotonic() + 60
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
    assert (training.exitcode == -signal.SIGKILL) == (how == "is killed")
