"""Folders that can't be written, whoever asks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder as it is on a file system that is mounted read-only. Skips the test where that can't be done: it takes
    root, whom permissions do not hold back.
    """
    steps = (("--bind", str(folder), str(folder)), ("-o", "remount,bind,ro", str(folder)))
    mounted = 0
    try:
        for words in steps:
            try:
                done = subprocess.run(("mount", *words), capture_output=True, check=False).returncode == 0
            except OSError:
                done = False
            if not done:
                pytest.skip("a file system can't be mounted here")
            mounted = 1
        yield folder
    finally:
        if mounted:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)
