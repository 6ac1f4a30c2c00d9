"""Whether 95 % intervals hold the true value 95 % of the time, on generated detectors whose difference is known.

    python -m benchmarks.calibration                 all of it: about a quarter of an hour of CPU time
    python -m benchmarks.calibration --page-only     the page anew from docs/calibration.json, nothing simulated

Writes docs/calibration.json and the tables of docs/calibration.md. What was interrupted goes on where it stopped,
with the pieces in --pieces; remove that folder after a change of the generator.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from benchmarks.calibration.coverage import by_evidence, summarize
from benchmarks.calibration.generator import population
from benchmarks.calibration.page import renewed
from benchmarks.calibration.simulate import Effort, Scenario, collect, simulate
from benchmarks.common import CHECKOUT
from benchmarks.common.command import SETTINGS, dump
from lt_bench.errors import UserError
from lt_bench.utils.files import write_atomic

IMAGES = (100, 1000, 5000)
RARE_IMAGES = (1.0, 2.5, 5.0)
FEW_CLASSES = (2, 4)
SCENARIOS = [Scenario(images, rare, differ) for images in IMAGES for rare in RARE_IMAGES for differ in (False, True)]
FEW = [Scenario(1000, rare, True, few) for few in FEW_CLASSES for rare in RARE_IMAGES]


@click.command(context_settings=SETTINGS)
@click.option("--repetitions", default=500, show_default=True, help="Validation sets of each scenario.")
@click.option("--few", default=200, show_default=True, help="The same, of those with few classes.")
@click.option("--resamples", default=200, show_default=True)
@click.option("--tested", default=500, show_default=True, help="Of them, those that go through the swap test as well.")
@click.option("--permutations", default=199, show_default=True)
@click.option("--truth", default=1000, show_default=True, help="Validation sets that a true value is the mean of.")
@click.option("--processes", default=2, show_default=True)
@click.option("--pieces", type=click.Path(path_type=Path), default=CHECKOUT / "work_dirs" / "calibration")
@click.option("--out", type=click.Path(path_type=Path), default=CHECKOUT / "docs", help="Folder. Default: docs.")
@click.option("--page-only", is_flag=True)
def main(pieces: Path, out: Path, page_only: bool, processes: int, **effort: int) -> None:
    """Simulate all scenarios, write JSON and tables."""
    try:
        target = out / "calibration.json"
        if not page_only:
            found = run(SCENARIOS, FEW, Effort(**effort), pieces, processes)
            write_atomic(target, [dump(found).encode()])
        page = out / "calibration.md"
        data = json.loads(target.read_text(encoding="utf-8"))
        write_atomic(page, [renewed(page.read_text(encoding="utf-8"), data).encode()])
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo(f"wrote {target} and {page}")


def run(scenarios: list[Scenario], few: list[Scenario], effort: Effort, pieces: Path, processes: int) -> dict[str, Any]:
    """Everything that calibration.json holds. few: those with few classes, which count for `by_evidence` only."""
    folder = pieces / f"{effort.resamples}_resamples_{effort.tested}_tests_of_{effort.permutations}"
    os.environ["OMP_NUM_THREADS"] = "1"  # each process uses one core
    begin = time.perf_counter()
    for name in simulate([*scenarios, *few], effort, folder, processes):
        click.echo(f"{time.perf_counter() - begin:6.0f} s  {name}", err=True)
    rows, runs, frequencies = [], [], []
    for one in (*scenarios, *few):
        frequencies.append(population(**asdict(one)).frequency)
        arrays, truth = collect(one, effort, folder)
        rows.append(summarize(one, arrays, truth, frequencies[-1]))
        runs.append(arrays)
    return {
        "effort": asdict(effort),
        "scenarios": rows[: len(scenarios)],
        "by_evidence": by_evidence(runs, [row["true"] for row in rows], frequencies),
    }


if __name__ == "__main__":
    main()
