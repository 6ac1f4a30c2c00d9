"""What waiting OpenMP threads cost: the same training with threads that spin and threads that sleep.

    python -m benchmarks.threads                    ten to twenty minutes, on a machine that does nothing else
    python -m benchmarks.threads --from benchmarks/results/threads.json      page anew, nothing measured

Each setting trains the same iterations of glyphs through the command line, in turn with the others, alone and beside
another process that computes on all cores. Prints a table, writes threads.json (every sample) and
threads.md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.common import table as tables
from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, output_options
from lt_bench.errors import RunFailedError

# GOMP_SPINCOUNT outranks OMP_WAIT_POLICY; 300,000 is what GNU's OpenMP does when neither is set.
WAITING = {
    "OpenMP's default": {"GOMP_SPINCOUNT": "300000"},
    "1,000 spins": {"GOMP_SPINCOUNT": "1000"},
    "PASSIVE (lt_bench)": {},
}
PLACES = ("alone", "beside a load")
LOAD = "import torch; a = torch.randn(1024, 1024)\nwhile True: a @ a"


@click.command(context_settings=SETTINGS)
@click.option("--iterations", default=12, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@output_options
def main(out: Path, measured: Path | None, **options: Any) -> None:
    """Measure every setting, alone and beside a load, print a table, and write JSON and page."""
    conduct(THREADS, out, measured, lambda: run(**options))


def run(iterations: int, repeats: int) -> Data:
    samples: dict[str, dict[str, list[float]]] = {name: {place: [] for place in PLACES} for name in WAITING}
    for number in range(repeats):
        for place in PLACES:
            for name, setting in WAITING.items():
                with loaded(place == "beside a load"):
                    seconds = training_seconds(iterations, setting)
                samples[name][place].append(round(seconds, 1))
                click.echo(f"{number + 1}/{repeats} {name}, {place}: {seconds:.1f} s", err=True)
    return {"iterations": iterations, "settings": WAITING, "seconds": samples}


@contextmanager
def loaded(wanted: bool) -> Iterator[None]:
    """Beside a process with a thread per core, whose threads wait as they do by default."""
    if not wanted:
        yield
        return
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    process = subprocess.Popen((sys.executable, "-c", LOAD), env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def training_seconds(iterations: int, setting: dict[str, str]) -> float:
    """Seconds of training that a run reports of itself."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    with tempfile.TemporaryDirectory() as folder:
        command = (
            *(sys.executable, "-m", "lt_bench", "run", "--loss", "ce", "--dataset", "glyphs"),
            *("--max-iters", str(iterations), "--set", "+test_dataloader.dataset.indices=1"),
            *("--work-dir", f"{folder}/run", "--leaderboards", f"{folder}/leaderboards"),
        )
        done = subprocess.run(command, env={**environment, **setting}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunFailedError(done.stderr)
        return float(json.loads(Path(folder, "run", "result.json").read_text(encoding="utf-8"))["training_seconds"])


def table(data: Data, style: str) -> str:
    rows = []
    for name, by_place in data["seconds"].items():
        beside = by_place["beside a load"]
        medians = [f"{statistics.median(seconds):.1f}" for seconds in by_place.values()]
        rows.append((name, *medians, f"{min(beside):.1f} to {max(beside):.1f}"))
    return tables.table(("waiting threads", "alone, s", "beside a load, s", "range beside a load"), rows, "lr", style)


def parts(data: Data) -> list[str]:
    """What the Markdown page says."""
    return [
        f"Medians of the training time of {data['iterations']} iterations of `glyphs`, the settings in turn. "
        "The load is another process of the same priority with a thread per core.",
        table(data, "github"),
    ]


THREADS = Benchmark(
    name="threads",
    title="What waiting threads cost",
    keys=("iterations", "seconds"),
    table=lambda data: table(data, "simple"),
    page=parts,
)


if __name__ == "__main__":
    main()
