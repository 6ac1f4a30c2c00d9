"""lt_bench beside stock mmdet and lvis-api: the same results first, then time and memory of both in turn.

    python benchmarks/detector.py                       on CPU, small images: about a quarter of an hour
    python benchmarks/detector.py --device cuda         at LVIS's real setting, r50 and r101, with and without AMP
    python benchmarks/detector.py --from benchmarks/results/detector_cpu.json      page and plot anew, nothing measured

Prints tables and writes detector_<device>.json (every sample), .md, .png and .svg into the folder of --out. Ends with 1
when the two sides' results differ.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from output import exit_codes

from lt_bench.errors import UserError
from lt_bench.utils import threads
from lt_bench.utils.files import refuse_unwritable_folder

RESULTS = Path(__file__).resolve().parent / "results"
TASKS = ("training", "inference", "evaluation", "startup")
QUICK_CLASSES = (20,)


def _numbers(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return tuple(int(part) for part in value.split(",")) if value else None
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of numbers like 80,1203") from error


def _names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return tuple(value.split(",")) if value else None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1), help="CPU threads of torch.")
@click.option("--classes", callback=_numbers, help="Separated by commas. Default: 80,1203.")
@click.option("--backbones", callback=_names, help="Default: r50 on CPU, r50,r101 on a GPU.")
@click.option("--loss", default="ecm", show_default=True)
@click.option("--amp", type=click.Choice(["off", "on", "both"]), help="Default: both on a GPU, off on CPU.")
@click.option("--tasks", callback=_names, help=f"Default: {','.join(TASKS)}.")
@click.option("--repeats", type=click.IntRange(min=1), help="Turns. Default: 3 on CPU, 20 on a GPU.")
@click.option("--val-images", default=500, show_default=True, help="That are evaluated, 300 detections each.")
@click.option("--startup-scale", default=0.1, show_default=True, help="Of the annotations; 1 is LVIS's size.")
@click.option("--quick", is_flag=True, help="Tiny: to see that everything works.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="Folder. Default: benchmarks/results.")
@click.option("--from", "measured", type=click.Path(path_type=Path), metavar="JSON", help="Of an earlier run.")
def main(measured: Path | None, out: Path, **options: Any) -> None:
    """Measure both, print tables, and write JSON, page and plot."""
    with exit_codes():
        if measured:
            data, target = read(measured), measured.with_suffix("")
        else:
            refuse_unwritable_folder(out)
            data, target = run(**options), out / f"detector_{options['device']}"
            target.with_suffix(".json").write_text(dump(data), encoding="utf-8")
        report(data, target)
    if not all(check["equal"] for check in data["checks"]):
        click.echo("failed: the results of stock and lt_bench differ", err=True)
        sys.exit(1)


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
) -> dict[str, Any]:
    """Measures everything that is asked for. Raises UserError for what can't be measured here."""
    for variable, value in (("KINETO_LOG_LEVEL", "6"), ("TORCH_CPP_LOG_LEVEL", "ERROR")):
        os.environ.setdefault(variable, value)  # the profiler writes to stderr at each start otherwise
    import torch
    from comparisons import Scope, measure_detectors, measure_files
    from detectors import NEAR_OBJECTS, SPARSE
    from machine import describe

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
    checks: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for measure in (measure_files, measure_detectors):
            for kind, entry in measure(scope, Path(folder)):
                (checks if kind == "check" else results).append(entry)
    return {
        "command": f"python benchmarks/detector.py {_options(locals())}".rstrip(),
        "machine": describe(scope.device),
        "settings": {
            "device": device,
            "threads": threads,
            "loss": loss,
            "scale": list(scope.scale),
            "near_objects": NEAR_OBJECTS,
            "sparse": SPARSE,
        },
        "checks": checks,
        "results": results,
    }


def _options(values: dict[str, Any]) -> str:
    """The options of `run` as they were given."""
    given = []
    for name in ("device", "threads", "classes", "backbones", "loss", "amp", "tasks", "repeats"):
        value = values[name]
        if value is not None:
            given.append(f"--{name} {','.join(map(str, value)) if isinstance(value, tuple) else value}")
    given += [f"--val-images {values['val_images']}", f"--startup-scale {values['startup_scale']:g}"]
    return " ".join([*given, *(["--quick"] if values["quick"] else [])])


def report(data: dict[str, Any], target: Path) -> None:
    """Prints the tables and writes page and plot beside the JSON: TARGET.md, .png, .svg.

    What bounds a target is for a person to say: TARGET_notes.md, where there is one, goes into the page.
    """
    from detector_page import checks, markdown, table
    from detector_plot import draw

    click.echo(f"{checks(data, 'simple')}\n\n{table(data, 'simple')}")
    draw(data, target)
    notes = target.with_name(f"{target.name}_notes.md")
    remarks = notes.read_text(encoding="utf-8") if notes.is_file() else ""
    target.with_suffix(".md").write_text(markdown(data, target.name, remarks), encoding="utf-8")
    click.echo(f"wrote {target}.md, .png and .svg")


def dump(data: dict[str, Any]) -> str:
    """JSON with one line for each check and each result."""
    lists = ("checks", "results")
    text = json.dumps({key: value for key, value in data.items() if key not in lists}, indent=1)[:-2]
    for key in lists:
        text += f',\n "{key}": [\n' + ",\n".join(json.dumps(entry) for entry in data[key]) + "\n ]"
    return text + "\n}\n"


def read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: data[key] for key in ("command", "machine", "settings", "checks", "results")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--from {path}: {error!r}", "name a JSON that this script wrote") from error


if __name__ == "__main__":
    threads.prepare()
    main()
