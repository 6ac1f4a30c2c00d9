"""From the command to the first training iteration, and memory of many processes: lt_bench against stock mmdet.

    python -m benchmarks.startup                    a synthetic data set of LVIS's size: about an hour, 1.5 GB of disk
    python -m benchmarks.startup --scale 0.01       a hundredth of it, to try
    python -m benchmarks.startup --from benchmarks/results/startup.json      page anew, nothing measured

Both train the same model on the same annotations: stock mmdet with LVISV1Dataset and ClassBalancedDataset, in
mmengine's Runner, without lt_bench's command line. Prints a table, writes startup.json (every sample) and startup.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, output_options
from benchmarks.startup import page
from benchmarks.startup.measure import measure_startup
from lt_bench.cli.common import FiniteRange
from lt_bench.utils import threads

STARTUP = Benchmark(
    name="startup",
    title="Start-up and memory of the data",
    keys=("data", "start", "dataset", "memory"),
    table=lambda data: page.table(data, "simple"),
    page=page.parts,
)


@click.command(context_settings=SETTINGS)
@click.option("--scale", default=1.0, show_default=True, type=FiniteRange(0, 1, min_open=True))
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data set; kept. Default: a new one.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Starts of each side.")
@click.option("--ranks", default=8, show_default=True, type=click.IntRange(min=1), help="Processes of lt_bench.")
@click.option("--stock-ranks", default=2, show_default=True, type=click.IntRange(min=0), help="Of stock mmdet.")
@output_options
def main(out: Path, measured: Path | None, data: Path | None, **options: Any) -> None:
    """Measure both, print a table, and write JSON and page."""

    def measure() -> Data:
        with tempfile.TemporaryDirectory() as scratch:
            return measure_startup(data or Path(scratch) / "data", **options)

    conduct(STARTUP, out, measured, measure)


if __name__ == "__main__":
    threads.prepare()
    main()
