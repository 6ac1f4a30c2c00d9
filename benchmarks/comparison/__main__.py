"""Time and memory of comparing two runs: the bootstrap over images and the swap test, and the plain way beside them.

    python -m benchmarks.comparison                              at glyphs' size and at LVIS's: minutes
    python -m benchmarks.comparison --sizes glyphs
    python -m benchmarks.comparison --from benchmarks/results/comparison.json      page anew, nothing measured

Every computation is a process of its own that reads two evidence files of a made-up detector. Prints a table and writes
comparison.json and .md into the folder of --out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, names, output_options
from benchmarks.common.processes import run_module
from benchmarks.comparison import page
from benchmarks.comparison.synthetic_evidence import SIZES, made_runs
from lt_bench.errors import RunFailedError, UserError, did_you_mean
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.utils import threads


def check(data: Data) -> None:
    """Raises RunFailedError where the bootstrap did not give what the plain way gives."""
    wrong = [result["size"] for result in data["results"] if not result["equal"]]
    if wrong:
        raise RunFailedError(f"the bootstrap and the plain way differ: {', '.join(wrong)}")


COMPARISON = Benchmark(
    name="comparison",
    title="Time and memory of comparing two runs",
    keys=("resamples", "plain_resamples", "results"),
    table=lambda data: page.measured(data, "simple"),
    page=page.parts,
    check=check,
)


@click.command(context_settings=SETTINGS)
@click.option("--sizes", callback=names, default="glyphs,lvis", show_default=True, help="Separated by commas.")
@click.option("--resamples", default=1000, show_default=True, type=click.IntRange(min=1), help="And permutations.")
@click.option("--plain", default=3, show_default=True, type=click.IntRange(min=1), help="Resamples by the plain way.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1))
@output_options
def main(out: Path, measured: Path | None, **options: Any) -> None:
    """Measure, print a table, and write JSON and page."""
    conduct(COMPARISON, out, measured, lambda: run(**options))


def run(sizes: tuple[str, ...], resamples: int, plain: int, repeats: int) -> Data:
    """Everything that is measured, by size."""
    for size in sizes:
        if size not in SIZES:
            raise UserError(f"there is no size {size!r}", did_you_mean(size, SIZES))
    results = [measure(size, resamples, plain, repeats) for size in sizes]
    return {"resamples": resamples, "plain_resamples": plain, "results": results}


def measure(size: str, resamples: int, plain: int, repeats: int) -> Data:
    """The computations in turn, as often as `repeats` says."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{index}.parquet") for index in range(2)]
        runs = made_runs(SIZES[size])
        for file, own in zip(files, runs, strict=True):
            write_evidence(own, file)
        facts = {"images": len(runs[0].image_ids), "classes": len(runs[0].category_ids), "detections": len(runs[0])}
        del runs
        samples: dict[str, list[Data]] = {"bootstrap": [], "swap": [], "plain": []}
        found: dict[str, Any] = {}
        for _ in range(repeats):
            for name, kept in samples.items():
                click.echo(f"{size}: {name}", err=True)
                load = round(os.getloadavg()[0], 2)
                repetitions = plain if name == "plain" else resamples
                sample = run_module("benchmarks.comparison.measure", name, *files, str(repetitions))
                found[name] = sample.pop("found")
                kept.append({**sample, "load_before": load})
    # All resamples of a run are drawn one after the other, so that the first ones are the same.
    pairs = zip(found["bootstrap"], found["plain"], strict=True)
    equal = all(np.allclose(ours[:plain], theirs[:resamples], rtol=0, atol=1e-12) for ours, theirs in pairs)
    return {"size": size, **facts, "equal": equal, **samples}


if __name__ == "__main__":
    threads.prepare()
    main()
