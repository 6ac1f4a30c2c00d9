"""What a loss and a seed cost on stored features, at the size of glyphs-lt and at LVIS's, beside not storing any.

    python -m benchmarks.probe                      both sizes, all losses: 14 GB of disk, about a quarter of an hour
    python -m benchmarks.probe --sizes glyphs-lt    minutes
    python -m benchmarks.probe --device cuda
    python -m benchmarks.probe --from benchmarks/results/probe_cpu.json      page anew, nothing measured

Features are generated; what is measured is the command `lt_bench probe` itself, several runs side by side. Prints
tables and writes probe_<device>.json and .md into the folder of --out. The features are removed afterwards.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, names, output_options
from benchmarks.common.processes import run_module
from benchmarks.probe import DATASET, page
from lt_bench.errors import UserError, did_you_mean
from lt_bench.utils import threads

LOSSES = "ce,focal,eql,eqlv2,seesaw,federated,ecm"
WHOLE = 2000  # steps of a run
PROBE = Benchmark(
    name="probe",
    title="A loss and a seed on stored features",
    keys=("settings", "results", "peer"),
    table=lambda data: f"{page.summary(data, 'simple')}\n\n{page.by_loss(data, 'simple')}",
    page=page.parts,
)


@click.command(context_settings=SETTINGS)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--sizes", callback=names, default="glyphs-lt,lvis", show_default=True, help="Separated by commas.")
@click.option("--losses", default=LOSSES, show_default=True)
@click.option("--recipe", default="common", show_default=True, type=click.Choice(["common", "plain"]))
@click.option("--steps", default=WHOLE, show_default=True, type=click.IntRange(min=1), help="At glyphs-lt's size.")
@click.option("--lvis-steps", default=200, show_default=True, type=click.IntRange(min=1), help="At LVIS's size.")
@click.option("--lvis-images", default=100_000, show_default=True, type=click.IntRange(min=1), help="Of training.")
@click.option("--lvis-val", default=200, show_default=True, type=click.IntRange(min=1), help="Validation images.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="One at LVIS's size.")
@click.option("--peer/--no-peer", default=True, help="Whether to measure the training without stored features.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the features; kept. Default: a new one.")
@output_options
def main(out: Path, measured: Path | None, data: Path | None, **options: Any) -> None:
    """Measure, print tables, and write JSON and page."""

    def measure() -> Data:
        with tempfile.TemporaryDirectory() as scratch:
            return run(data or Path(scratch, "features"), Path(scratch, "runs"), **options)

    conduct(PROBE, out, measured, measure)


def run(
    data: Path,
    work: Path,
    device: str,
    sizes: tuple[str, ...],
    losses: str,
    recipe: str,
    steps: int,
    lvis_steps: int,
    lvis_images: int,
    lvis_val: int,
    repeats: int,
    peer: bool,
) -> Data:
    """Everything that is measured. data: folder where each size has one, of features that are made if missing. work:
    folder of the runs. Raises UserError without the device, and for an unknown size.
    """
    import torch

    from benchmarks.probe import generate
    from benchmarks.probe.measure import run_command

    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no GPU with CUDA here", "leave the option out to measure on CPU")
    known = generate.sizes()
    results = []
    for name in sizes:
        if name not in known:
            raise UserError(f"there is no size {name!r}", did_you_mean(name, known))
        size, is_small = known[name], name == DATASET
        if not is_small:
            size = replace(size, train_images=lvis_images, val_images=lvis_val)
        folder = data / f"{name}_{size.train_images}_{size.val_images}"
        click.echo(f"{name}: features", err=True)
        generate.write_features(folder, size)
        asked = ("--loss", losses, "--recipe", recipe, "--device", device)
        taken = steps if is_small else lvis_steps
        samples = []
        for number in range(repeats if is_small else 1):
            click.echo(f"{name}: runs ({number + 1})", err=True)
            samples.append(run_command(folder, work / f"{name}_{number}", *asked, "--steps", str(taken)))
        bytes_of_features = sum(path.stat().st_size for path in folder.rglob("*.npy"))
        results.append({**page.facts(name, size), "steps": taken, "bytes": bytes_of_features, "samples": samples})
    found = None
    if peer:
        click.echo("without stored features", err=True)
        found = run_module("benchmarks.probe.peer", recipe, str(repeats))
    parallel = 1 if device == "cuda" else threads.usable_cores()
    settings = {"recipe": recipe, "parallel": parallel, "whole_steps": WHOLE, "device": device}
    return {"settings": settings, "results": results, "peer": found}


if __name__ == "__main__":
    threads.prepare()
    main()
