"""`lt_bench doctor`: what this machine has, and what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lt_bench.cli.common import PATH


@click.command()
@click.option("--data-root", type=PATH, help="Folder of LVIS. Default: $LT_BENCH_DATA, ./data.")
@click.option("--look-only", is_flag=True, help="Put nothing into the environment.")
def doctor(data_root: Path | None, look_only: bool) -> None:
    """Say what this machine has, what is missing, and the command that fixes it.

    Operators of mmcv that are missing or broken are fixed at once, where that is possible.
    """
    from lt_bench.run.doctor import examine

    findings = examine(data_root, fix=not look_only)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING" if finding.needed else "absent "
        click.echo(f"{mark}  {finding.what:<{width}}  {finding.state}")
        if finding.remedy:
            indent = " " * (width + 11)
            click.echo(f"{indent}-> " + finding.remedy.replace("\n", f"\n{indent}   "))
    if any(finding.needed and not finding.ok for finding in findings):
        sys.exit(1)
