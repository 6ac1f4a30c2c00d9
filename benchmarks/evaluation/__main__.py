"""Time and memory of LVIS AP, boxes and masks, from two files on disk: how they grow, and lvis-api beside it.

    python -m benchmarks.evaluation                    up to the size of LVIS's validation set: 4 GB of disk, minutes
    python -m benchmarks.evaluation --images 500,1000 --peer 200
    python -m benchmarks.evaluation --from benchmarks/results/evaluation.json      page anew, nothing measured

Every evaluation is a process of its own. Prints tables and writes evaluation.json and .md into the folder of --out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.common import OURS, STOCK
from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, numbers, output_options
from benchmarks.evaluation import page
from benchmarks.evaluation.lvis_ap import evaluate, same_precision
from benchmarks.evaluation.synthetic_val import DETECTIONS, write_val
from lt_bench.utils import threads

IMAGES = "2500,5000,10000,19809"
PEER = 500  # images that lvis-api evaluates
EVALUATION = Benchmark(
    name="evaluation",
    title="Time and memory of LVIS AP",
    keys=("detections_per_image", "results", "beside"),
    table=lambda data: "\n\n".join(page.tables(data, "simple")),
    page=page.parts,
)


@click.command(context_settings=SETTINGS)
@click.option("--images", callback=numbers, default=IMAGES, show_default=True, help="Separated by commas.")
@click.option("--peer", default=PEER, show_default=True, type=click.IntRange(min=0), help="Images for lvis-api.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1))
@output_options
def main(out: Path, measured: Path | None, **options: Any) -> None:
    """Measure, print tables, and write JSON and page."""
    conduct(EVALUATION, out, measured, lambda: run(**options))


def run(images: tuple[int, ...], peer: int, repeats: int) -> Data:
    """Everything that is measured, by size."""
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(Path(folder), count, {OURS: repeats})[OURS] for count in sorted(images)]
        beside = None
        if peer:
            sides = measure(Path(folder), peer, {STOCK: 1, OURS: repeats})
            equal = all(same_precision(Path(folder, "predictions.json")).values())
            beside = {"images": peer, "equal": equal, "lvis": sides[STOCK], "vernier": sides[OURS]}
    return {"detections_per_image": DETECTIONS, "results": results, "beside": beside}


def measure(folder: Path, images: int, repeats: dict[str, int]) -> dict[str, dict[str, Any]]:
    """As many evaluations of synthetic files with so many images as `repeats` says for each evaluator."""
    annotations, predictions = folder / "annotations.json", folder / "predictions.json"
    detections = write_val(annotations, predictions, images)
    sizes = {"annotations_bytes": annotations.stat().st_size, "predictions_bytes": predictions.stat().st_size}
    found = {}
    for name, times in repeats.items():
        samples = []
        for _ in range(times):
            click.echo(f"{images} images by {name}", err=True)
            load = round(os.getloadavg()[0], 2)
            samples.append({**evaluate(name, annotations, predictions), "load_before": load})
        found[name] = {"images": images, "detections": detections, **sizes, "samples": samples}
    return found


if __name__ == "__main__":
    threads.prepare()
    main()
