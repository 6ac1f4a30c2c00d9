"""lt_bench beside stock mmdet and lvis-api: the same results first, then interleaved time and memory of both.

    python -m benchmarks.detector                       on CPU, small images: about a quarter of an hour
    python -m benchmarks.detector --device cuda         at LVIS's real setting, r50 and r101, with and without AMP
    python -m benchmarks.detector --from benchmarks/results/detector_cpu.json      page and plot anew, nothing measured

Prints tables and writes detector_<device>.json (every sample), .md, .png and .svg into the folder of --out. Ends with 1
when the two sides' results differ.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.common.command import SETTINGS, Benchmark, Data, conduct, names, numbers, output_options
from benchmarks.detector import figure, page
from lt_bench.errors import RunFailedError, UserError
from lt_bench.utils import threads

TASKS = ("training", "inference", "evaluation", "startup")
QUICK_CLASSES = (20,)


def refuse_differences(data: Data) -> None:
    if not all(check["equal"] for check in data["checks"]):
        raise RunFailedError("the results of stock and lt_bench differ")


DETECTOR = Benchmark(
    name="detector",
    title="lt_bench beside stock mmdet and lvis-api",
    keys=("settings", "checks", "results"),
    table=lambda data: f"{page.checks(data, 'simple')}\n\n{page.table(data, 'simple')}",
    page=page.parts,
    draw=figure.draw,
    caption="Seconds and peak memory",
    check=refuse_differences,
)


@click.command(context_settings=SETTINGS)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1), help="CPU threads of torch.")
@click.option("--classes", callback=numbers, help="Separated by commas. Default: 80,1203.")
@click.option("--backbones", callback=names, help="Default: r50 on CPU, r50,r101 on a GPU.")
@click.option("--loss", default="ecm", show_default=True)
@click.option("--amp", type=click.Choice(["off", "on", "both"]), help="Default: both on a GPU, off on CPU.")
@click.option("--tasks", callback=names, help=f"Default: {','.join(TASKS)}.")
@click.option("--repeats", type=click.IntRange(min=1), help="Rounds. Default: 3 on CPU, 20 on a GPU.")
@click.option("--val-images", default=500, show_default=True, help="To evaluate, 300 detections each.")
@click.option("--startup-scale", default=0.1, show_default=True, help="Of the annotations; 1 is LVIS's size.")
@click.option("--quick", is_flag=True, help="Tiny: to see that everything works.")
@output_options
def main(out: Path, measured: Path | None, **options: Any) -> None:
    """Measure both, print tables, and write JSON, page and plot."""
    conduct(DETECTOR, out, measured, lambda: run(**options))


def run(
    device: str,
    threads: int,
    classes: tuple[int, ...] | None,
    backbones: tuple[str, ...] | None,
    loss: str,
    amp: str | None,
    tasks: tuple[str, ...] | None,
    repeats: int | None,
    val_images: int,
    startup_scale: float,
    quick: bool,
) -> Data:
    """Measures everything that is asked for. Raises UserError for what can't be measured here."""
    for variable, value in (("KINETO_LOG_LEVEL", "6"), ("TORCH_CPP_LOG_LEVEL", "ERROR")):
        os.environ.setdefault(variable, value)  # the profiler writes to stderr at each start otherwise
    import torch

    from benchmarks.detector.measure import Scope, measure_detectors, measure_files
    from benchmarks.detector.pair import NEAR_OBJECTS, SPARSE

    cuda = device == "cuda"
    if cuda and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no GPU with CUDA here", "leave the option out to measure on CPU")
    if not cuda and amp in ("on", "both"):
        raise UserError(f"--amp {amp}: mixed precision needs a GPU", "leave the option out")
    unknown = set(tasks or ()) - set(TASKS)
    if unknown:
        raise UserError(f"there is no task {', '.join(sorted(unknown))}", f"choose of {', '.join(TASKS)}")
    torch.set_num_threads(threads)
    scope = Scope(
        device=torch.device(device),
        classes=classes or (QUICK_CLASSES if quick else (80, 1203)),
        backbones=backbones or (("r50", "r101") if cuda and not quick else ("r50",)),
        loss=loss,
        amp={"off": (False,), "on": (True,), "both": (False, True)}[amp or ("both" if cuda else "off")],
        scale=(160, 96) if quick else (1333, 800) if cuda else (416, 256),
        tasks=tasks or TASKS,
        repeats=repeats or (20 if cuda else 1 if quick else 3),
        val_images=4 if quick else val_images,
        startup_scale=0.001 if quick else startup_scale,
        small=quick,
    )
    found: dict[str, list[dict[str, Any]]] = {"check": [], "result": []}
    with tempfile.TemporaryDirectory() as folder:
        for measure in (measure_files, measure_detectors):
            for kind, entry in measure(scope, Path(folder)):
                found[kind].append(entry)
    settings = {
        "device": device,
        "threads": threads,
        "loss": loss,
        "scale": list(scope.scale),
        "near_objects": NEAR_OBJECTS,
        "sparse": SPARSE,
    }
    return {"settings": settings, "checks": found["check"], "results": found["result"]}


if __name__ == "__main__":
    threads.prepare()
    main()
