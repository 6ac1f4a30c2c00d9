"""What the measurements ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import torch

from benchmarks.common import CHECKOUT
from lt_bench.utils.threads import usable_cores


def describe(device: str) -> dict[str, str | int]:
    """The machine, its software and the state of the code: what a reader needs to judge a timing."""
    cuda = device == "cuda"
    description: dict[str, str | int] = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "device": torch.cuda.get_device_name() if cuda else _cpu(),
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if cuda:
        description["cuda"] = str(torch.version.cuda)
    return description


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown CPU"


def _commit() -> str:
    """The short commit, with a + where the code differs from it."""

    def git(*arguments: str) -> str:
        command = ("git", *arguments)
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
