"""What waiting OpenMP threads cost: the same training with threads that spin and threads that sleep.

    python benchmarks/threads.py                    ten to twenty minutes, on a machine that does nothing else

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
from output import exit_codes
from tabulate import tabulate

from lt_bench.errors import RunFailedError
from lt_bench.utils.files import refuse_unwritable_folder
from lt_bench.utils.threads import usable_cores

RESULTS = Path(__file__).resolve().parent / "results"
# GOMP_SPINCOUNT outranks OMP_WAIT_POLICY; 300,000 is what GNU's OpenMP does when neither is set.
SETTINGS = {
    "OpenMP's default": {"GOMP_SPINCOUNT": "300000"},
    "1,000 spins": {"GOMP_SPINCOUNT": "1000"},
    "PASSIVE (lt_bench)": {},
}
LOAD = "import torch; a = torch.randn(1024, 1024)\nwhile True: a @ a"


@click.command()
@click.option("--iterations", default=12, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(iterations: int, repeats: int, out: Path) -> None:
    """Measure every setting, alone and beside a load, print a table, and write JSON and page."""
    with exit_codes():
        refuse_unwritable_folder(out)
        samples: dict[str, dict[str, list[float]]] = {name: {"alone": [], "beside a load": []} for name in SETTINGS}
        for turn in range(repeats):
            for where in ("alone", "beside a load"):
                for name, setting in SETTINGS.items():
                    with loaded(where == "beside a load"):
                        seconds = training_seconds(iterations, setting)
                    samples[name][where].append(round(seconds, 1))
                    click.echo(f"{turn + 1}/{repeats} {name}, {where}: {seconds:.1f} s", err=True)
        write(samples, iterations, out)


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


def write(samples: dict[str, dict[str, list[float]]], iterations: int, out: Path) -> None:
    """threads.json and threads.md in `out`, and the table on the terminal."""
    import torch
    from machine import describe

    machine = describe(torch.device("cpu")) | {"usable_cores": usable_cores()}
    data: dict[str, Any] = {"machine": machine, "iterations": iterations, "settings": SETTINGS, "seconds": samples}
    (out / "threads.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    rows = [
        [name, *(statistics.median(seconds) for seconds in by_place.values()), _range(by_place["beside a load"])]
        for name, by_place in samples.items()
    ]
    headers = ["waiting threads", "alone, s", "beside a load, s", "range beside a load"]
    table = tabulate(rows, headers, tablefmt="github", floatfmt=".1f")
    page = (
        "# What waiting threads cost\n\n"
        f"Made from `threads.json` by `benchmarks/threads.py`: medians of the training time of {iterations} iterations "
        "of `glyphs`, the settings in turn. "
        "The load is another process of the same priority with a thread per core.\n\n"
        f"{table}\n\n## Machine\n\n" + "".join(f"- {key}: {value}\n" for key, value in machine.items())
    )
    (out / "threads.md").write_text(page, encoding="utf-8")
    click.echo(table)


def _range(seconds: list[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f}"


if __name__ == "__main__":
    main()
