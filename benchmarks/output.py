"""What the benchmarks' commands share: the code that they end with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from lt_bench.errors import RunFailedError, UserError


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
