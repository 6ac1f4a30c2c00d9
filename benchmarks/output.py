"""The folder that a benchmark writes into."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lt_bench.errors import UserError


def check_writable(folder: Path) -> None:
    """Before anything is measured. Raises UserError when the folder can't be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(f"--out {folder} can't be written to: {error.strerror}", "name another folder") from error
