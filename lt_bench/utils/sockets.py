"""The folder of the sockets through which processes that load images hand over their tensors.

multiprocessing makes one among the temporary files in each of them, and who is ended by a signal does not remove it. So
the process that trains makes one for all, before it starts them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from multiprocessing import process, util
from typing import Any


def make_folder() -> None:
    """In the process that trains: what it starts from here on shares its folder, which it removes when it ends."""
    util.get_temp_dir()


def last_act() -> Callable[[], None]:
    """In one that loads: what it does when it ends, in order or by a signal. Where the process that trains was killed,
    it removes the folder in its place."""
    config: Any = getattr(process.current_process(), "_config", {})
    parent, folder = os.getppid(), config.get("tempdir")

    def remove() -> None:
        if folder is not None and os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)

    util.Finalize(None, remove, exitpriority=-200)
    return remove
