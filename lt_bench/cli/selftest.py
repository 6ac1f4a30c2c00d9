"""`lt_bench selftest`: check this installation on a CPU or a GPU."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from lt_bench.cli.common import PATH

logger = logging.getLogger(__name__)

SELFTEST = Path("selftest")


@click.command()
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="What to check. Default: the GPU if there is one.")
@click.option("--out", type=PATH, default=SELFTEST, show_default=True, help="Folder for the report.")
@click.option("--only", multiple=True, metavar="NAME", help="This check or group alone; can be repeated.")
def selftest(device: str | None, out: Path, only: tuple[str, ...]) -> None:
    """Check this installation on a CPU or a GPU before days of training, in minutes and without network.

    Operators against float64, losses against their official implementations, mask predictor, post-processing and
    training against stock mmdet, a run with resume and evaluation, and two ranks. The report is a table, and in the
    folder selftest_DEVICE.json and selftest_DEVICE.md.

    Groups: operators, losses, detector, pipeline, ranks, training. Exits with 1 if a check fails; its row comes first.
    """
    from lt_bench.selftest import report, suite
    from lt_bench.utils.files import refuse_unwritable

    chosen = suite.choose(only)
    where = suite.find_device(device)
    files = [out / f"selftest_{where.type}{suffix}" for suffix in (".json", ".md")]
    for file in files:
        refuse_unwritable(file)  # before minutes of checking
    rows = []
    for row in suite.run(where, chosen):
        rows.append(row)
        logger.info(f"{row.check}: {row.status} in {row.seconds:.1f} s")
    about = report.machine(where)
    click.echo(report.terminal(about, rows))
    report.write(about, rows, *files)
    logger.info(f"report: {files[0]}, {files[1]}")
    if any(row.status == "failed" for row in rows):
        sys.exit(1)
