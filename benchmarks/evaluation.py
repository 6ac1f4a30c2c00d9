"""Time and memory of LVIS AP, boxes and masks, from two files on disk: how they grow, and lvis-api beside it.

    python benchmarks/evaluation.py                    up to the size of LVIS's validation set: 4 GB of disk, minutes
    python benchmarks/evaluation.py --images 500 --images 1000 --peer 200

Every evaluation is a process of its own. Prints a table and writes evaluation.json and .md into the folder of --out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import click
from made_up_val import DETECTIONS, write_val
from tabulate import tabulate

from lt_bench.utils import threads

RESULTS = Path(__file__).resolve().parent / "results"
IMAGES = (2_500, 5_000, 10_000, 19_809)
PEER = 500  # images that lvis-api evaluates
KINDS = ("bbox", "segm")

CHILD = """\
import json, resource, sys, time
from pathlib import Path
import numpy as np
started = time.perf_counter()
from lt_bench.evaluation.ap.average_precision import evaluate_all
kinds, evaluator, target = json.loads(sys.argv[3]), sys.argv[4], sys.argv[5]
results = evaluate_all(Path(sys.argv[1]), Path(sys.argv[2]), kinds, evaluator)
seconds = time.perf_counter() - started
own = resource.getrusage(resource.RUSAGE_SELF)
np.savez(target, **{kind: results[kind].precision for kind in kinds})
print(json.dumps({
    "seconds": seconds, "cpu_seconds": own.ru_utime + own.ru_stime, "peak_bytes": own.ru_maxrss * 1024,
    "evaluators": sorted({result.evaluator for result in results.values()}),
    "AP": {kind: results[kind].metrics["AP"] for kind in kinds},
}))
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--images", multiple=True, type=click.IntRange(min=1), default=IMAGES, show_default=True)
@click.option("--peer", default=PEER, show_default=True, type=click.IntRange(min=0), help="Images for lvis-api.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--out", default=RESULTS, type=click.Path(path_type=Path, file_okay=False), help="Folder.")
def main(images: tuple[int, ...], peer: int, repeats: int, out: Path) -> None:
    """Measure, print a table, and write JSON and a page."""
    data = run(images, peer, repeats)
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (out / "evaluation.md").write_text(page(data), encoding="utf-8")
    click.echo(page(data))


def run(images: tuple[int, ...], peer: int, repeats: int) -> dict[str, Any]:
    """Everything that is measured, by size."""
    import torch
    from machine import describe

    results = []
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted(images):
            click.echo(f"{count} images", err=True)
            results.append(measure(Path(folder), count, "vernier", repeats))
        beside = compare(Path(folder), peer, repeats) if peer else None
    return {
        "machine": describe(torch.device("cpu")) | {"usable_cores": len(os.sched_getaffinity(0))},
        "detections_an_image": DETECTIONS,
        "results": results,
        "beside": beside,
    }


def compare(folder: Path, images: int, repeats: int) -> dict[str, Any]:
    """lvis-api and the suite on the same files, in turn, and whether their arrays are equal."""
    import numpy as np

    sides = {}
    for evaluator in ("lvis", "vernier"):
        click.echo(f"{images} images by {evaluator}", err=True)
        sides[evaluator] = measure(folder, images, evaluator, repeats if evaluator == "vernier" else 1)
    arrays = [np.load(folder / f"{evaluator}.npz") for evaluator in ("lvis", "vernier")]
    equal = all(np.array_equal(arrays[0][kind], arrays[1][kind]) for kind in KINDS)
    return {"images": images, "equal": equal, **sides}


def measure(folder: Path, images: int, evaluator: str, repeats: int) -> dict[str, Any]:
    """`repeats` evaluations of made-up files with so many images; the files are made anew and removed."""
    annotations, predictions = folder / "annotations.json", folder / "predictions.json"
    detections = write_val(annotations, predictions, images)
    command = [sys.executable, "-c", CHILD, str(annotations), str(predictions), json.dumps(KINDS), evaluator]
    samples = []
    for _ in range(repeats):
        load = os.getloadavg()[0]
        done = subprocess.run(
            [*command, str(folder / f"{evaluator}.npz")], check=True, stdout=subprocess.PIPE, text=True
        )
        samples.append({**json.loads(done.stdout), "load_before": round(load, 2)})
    sizes = {"annotations_bytes": annotations.stat().st_size, "predictions_bytes": predictions.stat().st_size}
    annotations.unlink()
    predictions.unlink()
    return {"images": images, "detections": detections, **sizes, "samples": samples}


def page(data: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    machine = data["machine"]
    rows = [row(result) for result in data["results"]]
    parts = [
        "# Time and memory of LVIS AP",
        f"Made by `benchmarks/evaluation.py` on {machine['date']}, commit {machine['commit']}: {machine['cpu']}, "
        f"{machine['usable_cores']} cores, Python {machine['python']}. Boxes and masks, from the files on disk: "
        f"generated images with {data['detections_an_image']} detections each, 1,203 categories, as many objects and "
        "listed categories an image as LVIS has; the spot check by lvis-api is part of the time. CPU seconds are those "
        "of all cores; load is how many processes wanted the machine before (the evaluation itself adds two).",
        tabulate(rows, headers=HEADERS, tablefmt="github", disable_numparse=True),
    ]
    if data["beside"]:
        beside = data["beside"]
        lvis, ours = (row(beside[evaluator]) for evaluator in ("lvis", "vernier"))
        parts += [
            f"lvis-api beside it, {beside['images']} images; the precision arrays are "
            f"{'equal, bit for bit' if beside['equal'] else 'NOT EQUAL'}:",
            tabulate(
                [["lvis-api", *lvis], ["lt_bench", *ours]],
                headers=("", *HEADERS),
                tablefmt="github",
                disable_numparse=True,
            ),
        ]
    return "\n\n".join(parts) + "\n"


HEADERS = ("images", "detections", "file", "seconds", "fastest", "CPU seconds", "peak memory", "load")


def row(result: dict[str, Any]) -> list[str]:
    samples = result["samples"]
    return [
        f"{result['images']:,}",
        f"{result['detections']:,}",
        f"{result['predictions_bytes'] / 1e9:.2f} GB",
        f"{median(sample['seconds'] for sample in samples):.1f}",
        f"{min(sample['seconds'] for sample in samples):.1f}",
        f"{median(sample['cpu_seconds'] for sample in samples):.1f}",
        f"{max(sample['peak_bytes'] for sample in samples) / 1e9:.2f} GB",
        f"{median(sample['load_before'] for sample in samples):.1f}",
    ]


if __name__ == "__main__":
    threads.prepare()
    main()
