"""The operating system: which ones are supported. Standard library only."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from contextlib import suppress

from lt_bench.errors import UserError

SUPPORTED = "Linux and macOS are supported, and Windows through WSL"
_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
REMEDY = "install WSL (wsl --install) and set lt_bench up in there"


def described() -> str:
    """Its name, version and processor, and whether it is Windows' Linux."""
    through_wsl = ", WSL" if "microsoft" in platform.release().lower() else ""
    return f"{platform.system()} {platform.release()} {platform.machine()}{through_wsl}"


def is_supported() -> bool:
    return sys.platform == "darwin" or sys.platform.startswith("linux")


def refuse_unsupported() -> None:
    """Raises UserError on a system that nothing was ever trained on."""
    if not is_supported():
        raise UserError(f"{described()} can't train: {SUPPORTED}", REMEDY)


def end_with_parent() -> None:
    """Ask the system to send SIGTERM to this process when the one that started it ends, however it ends.

    Linux alone has that; elsewhere a process whose parent was killed goes on.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it has ended already
        os.kill(os.getpid(), signal.SIGTERM)
