"""The operating system: which ones are supported. Standard library only."""

from __future__ import annotations

import platform
import sys

from lt_bench.errors import UserError

SUPPORTED = "Linux and macOS are supported, and Windows through WSL"
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
