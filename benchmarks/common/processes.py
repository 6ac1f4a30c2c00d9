"""Measurements in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.common import CHECKOUT
from lt_bench.errors import RunFailedError


def module_command(module: str, *arguments: str | Path) -> tuple[str, ...]:
    """Has to be started in CHECKOUT."""
    return (sys.executable, "-m", module, *map(str, arguments))


def run_module(module: str, *arguments: str | Path) -> dict[str, Any]:
    """The JSON that a module prints as its last line. Raises RunFailedError when it fails."""
    command = module_command(module, *arguments)
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunFailedError(f"{' '.join(command[2:4])} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def resident_peak() -> int:
    """Bytes of this process. Not by getrusage: its peak counts the process that started this one, too."""
    return _kilobytes("/proc/self/status", "VmHWM:")


def proportional_size(pid: int) -> int:
    """Bytes of a process, where a page that n processes share counts as 1 / n of it."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:")


def anonymous_size(pid: int) -> int:
    """Bytes that a process holds of its own: pages of mapped files, which can be dropped, left out."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss_Anon:")


def _kilobytes(path: str, key: str) -> int:
    lines = Path(path).read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def session_memory(session: int) -> int:
    """Bytes that the processes of a session hold of their own: pages of mapped files, which can be dropped, left out.

    A page that n of them share counts once.
    """
    total = 0
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, StopIteration):  # it has ended
            if os.getsid(int(path.name)) == session:
                total += anonymous_size(int(path.name))
    return total
