"""What the benchmarks' commands share: the folder that they write into, and the code that they end with."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lt_bench.errors import RunFailedError, UserError


def check_writable(folder: Path) -> None:
    """Before anything is measured. Raises UserError when the folder can't be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError(f"--out {folder} can't be written to: {error.strerror}", "name another folder") from error


@contextmanager
def exit_codes() -> Iterator[None]:
    """Ends the process with 2 for a user's mistake and with 1 for a measurement that failed, both without traceback."""
    try:
        yield
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except RunFailedError as error:
        click.echo(f"failed: {error}", err=True)
        sys.exit(1)
