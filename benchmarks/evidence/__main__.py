"""Size of a run's evidence at the size of LVIS's validation set, and what making, writing and reading it takes.

    python -m benchmarks.evidence                   19,809 generated images: 2 GB of disk, about ten minutes
    python -m benchmarks.evidence --images 500
    python -m benchmarks.evidence --from benchmarks/results/evidence.json      page anew, nothing measured

Every sample is a process of its own. Prints a table, and writes evidence.json and .md into the folder of --out.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, numbers, output_options
from benchmarks.common.processes import run_module
from benchmarks.common.table import table
from benchmarks.evaluation.synthetic_val import DETECTIONS, write_val
from lt_bench.utils import threads

HEADERS = ("images", "detections", "that count", "MB", "bytes each", "evaluation", "with evidence")
MORE_HEADERS = ("write", "read", "AP of both kinds", "peak memory", "load")


@click.command(context_settings=SETTINGS)
@click.option("--images", callback=numbers, default="19809", show_default=True, help="Separated by commas.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the generated files; kept. Default: a new one."
)
@output_options
def main(out: Path, measured: Path | None, data: Path | None, **options: Any) -> None:
    """Measure, print a table, and write JSON and page."""

    def measure() -> Data:
        with tempfile.TemporaryDirectory() as scratch:
            return run(data or Path(scratch), **options)

    conduct(EVIDENCE, out, measured, measure)


def run(data: Path, images: tuple[int, ...], repeats: int) -> Data:
    """Everything that is measured, by size. data: folder where each size has one, of files that are made if missing."""
    results = []
    for count in sorted(images):
        annotations, predictions = (data / str(count) / name for name in ("annotations.json", "predictions.json"))
        if not annotations.is_file():  # which is written last
            annotations.parent.mkdir(parents=True, exist_ok=True)
            write_val(annotations, predictions, count)
        samples = []
        for number in range(repeats):
            click.echo(f"{count} images, {number + 1}/{repeats}", err=True)
            load = round(os.getloadavg()[0], 2)
            sample: dict[str, Any] = {}
            for wanted in ("without", "with"):
                sample |= run_module("benchmarks.evidence.measure", wanted, annotations, predictions)
            samples.append({**sample, "load_before": load})
        results.append({"images": count, "detections": count * DETECTIONS, "samples": samples})
    return {"detections_per_image": DETECTIONS, "results": results}


def text(data: Data, style: str = "github") -> str:
    """A row for each size; seconds are medians."""
    return table((*HEADERS, *MORE_HEADERS), map(_row, data["results"]), "r", style)


def page(data: Data) -> list[str]:
    """What the Markdown page says."""
    return [
        f"Boxes and masks in all four area ranges, of generated images with {data['detections_per_image']} detections "
        "each, 1,203 categories, as many objects and listed categories per image as LVIS has. Detections count where "
        "their image is annotated with their category. Seconds, and in brackets CPU seconds of all cores, are medians: "
        "of an evaluation from the files on disk without evidence; of the same with it, checked against the measured "
        "AP; of writing and reading the file; of AP and AP by class from what was read. Load is how many processes "
        "wanted the machine before (the evaluation itself adds two).",
        text(data),
    ]


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    samples = result["samples"]
    size, counted = samples[0]["bytes"], samples[0]["counted"]
    names = ("without", "with", "write", "read", "ap")
    return (
        f"{result['images']:,}",
        f"{result['detections']:,}",
        f"{counted:,}",
        f"{size / 1e6:.1f}",
        f"{size / counted:.1f}",
        *(
            f"{_median(samples, f'{name}_seconds'):.1f} ({_median(samples, f'{name}_cpu_seconds'):.1f})"
            for name in names
        ),
        f"{max(sample['peak_bytes'] for sample in samples) / 1e9:.2f} GB",
        f"{_median(samples, 'load_before'):.1f}",
    )


def _median(samples: list[dict[str, float]], name: str) -> float:
    return median(sample[name] for sample in samples)


EVIDENCE = Benchmark(
    name="evidence",
    title="Size and time of evidence",
    keys=("detections_per_image", "results"),
    table=lambda data: text(data, "simple"),
    page=page,
)

if __name__ == "__main__":
    threads.prepare()
    main()
