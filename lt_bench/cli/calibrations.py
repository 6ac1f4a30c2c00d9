"""`lt_bench calibrations`: list the installed calibrations."""

from __future__ import annotations

import click

from lt_bench.cli.losses import show_plugins


@click.command()
@click.option("--check", is_flag=True, help="Import every calibration instead of reading its source.")
def calibrations(check: bool) -> None:
    """List the installed calibrations, where they come from, their hyper-parameters and papers."""
    from lt_bench.api.calibrations import list_calibrations

    show_plugins(list_calibrations(load=check), check)
