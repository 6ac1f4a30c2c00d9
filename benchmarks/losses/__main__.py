"""Time and memory of the built-in losses against their official sequence of operations and torch's cross_entropy.

    python -m benchmarks.losses                     on CPU, all sizes: several minutes
    python -m benchmarks.losses --device cuda
    python -m benchmarks.losses --from benchmarks/results/losses_cpu.json      page and plot anew, nothing measured

Prints a table and writes losses_<device>.json (every sample), .md, .png and .svg into the folder of --out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, output_options
from benchmarks.losses import figure, page
from lt_bench.errors import UserError
from lt_bench.cli.common import FiniteRange
from lt_bench.utils import threads

# A shared machine is slow for seconds or minutes: what is quickly measured is visited again later.
VISITS = 3
LARGE = 6_000_000
SIZES = {
    "quick": ((512, 80), (1024, 1203)),
    "all": tuple((rois, classes) for classes in (80, 1203, 10_000) for rois in (512, 1024, 4096)),
}
LOSSES = Benchmark(
    name="losses",
    title="Time and memory of the losses",
    keys=("settings", "results"),
    table=lambda data: page.table(data, "simple"),
    page=page.parts,
    draw=figure.draw,
    caption="Time over cross_entropy, and memory over the logits",
)


@click.command(context_settings=SETTINGS)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1), help="CPU threads of torch.")
@click.option("--dtype", default="float32", show_default=True, type=click.Choice(["float32", "float16", "bfloat16"]))
@click.option("--repeats", type=click.IntRange(min=1), help="Samples per visit. Default: by a budget of seconds.")
@click.option("--sizes", default="all", show_default=True, type=click.Choice(list(SIZES)))
@click.option("--foreground", default=0.25, show_default=True, type=FiniteRange(0, 1), help="Share of the RoIs.")
@output_options
def main(out: Path, measured: Path | None, **options: Any) -> None:
    """Measure every built-in loss, print a table, and write JSON, page and plot."""
    conduct(LOSSES, out, measured, lambda: run(**options))


def run(device: str, threads: int, dtype: str, repeats: int | None, sizes: str, foreground: float) -> Data:
    """Measures all losses at all sizes. Raises UserError without the device, RunFailedError if the numbers differ."""
    import torch

    from benchmarks.losses.measure import NAMES, Settings, measure

    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no GPU with CUDA here", "leave the option out to measure on CPU")
    torch.set_num_threads(threads)
    settings = Settings(torch.device(device), getattr(torch, dtype), foreground, repeats)
    results: dict[tuple[int, int, str], dict[str, Any]] = {}
    for visit in range(VISITS):
        for rois, classes in SIZES[sizes]:
            if visit and rois * classes > LARGE:
                continue
            for name in NAMES:
                click.echo(f"N = {rois}, C = {classes}: {name} ({visit + 1})", err=True)
                result = measure(name, rois, classes, settings)
                first = results.setdefault((rois, classes, name), result)
                if first is not result:
                    for version, samples in result["seconds"].items():
                        first["seconds"][version] += samples
    return {
        "settings": {"device": device, "threads": threads, "dtype": dtype, "foreground": foreground},
        "results": list(results.values()),
    }


if __name__ == "__main__":
    threads.prepare()
    main()
