"""Time and memory of the built-in losses against their official sequence of operations and torch's cross_entropy.

    python benchmarks/losses.py                     on CPU, all sizes: several minutes
    python benchmarks/losses.py --device cuda
    python benchmarks/losses.py --from benchmarks/results/losses_cpu.json      page and plot anew, nothing measured

Prints a table and writes losses_<device>.json (every sample), .md, .png and .svg into the folder of --out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from output import exit_codes

from lt_bench.errors import UserError
from lt_bench.utils import threads
from lt_bench.utils.files import refuse_unwritable_folder

RESULTS = Path(__file__).resolve().parent / "results"
# A shared machine is slow for seconds or minutes: what is quickly measured is visited again later.
VISITS = 3
LARGE = 6_000_000
SIZES = {
    "quick": ((512, 80), (1024, 1203)),
    "all": tuple((rois, classes) for classes in (80, 1203, 10_000) for rois in (512, 1024, 4096)),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1), help="CPU threads of torch.")
@click.option("--dtype", default="float32", show_default=True, type=click.Choice(["float32", "float16", "bfloat16"]))
@click.option("--repeats", type=click.IntRange(min=1), help="Samples a visit. Default: by a budget of seconds.")
@click.option("--sizes", default="all", show_default=True, type=click.Choice(list(SIZES)))
@click.option("--foreground", default=0.25, show_default=True, type=click.FloatRange(0, 1), help="Share of the RoIs.")
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="Folder. Default: benchmarks/results.")
@click.option("--from", "measured", type=click.Path(path_type=Path), metavar="JSON", help="Of an earlier run.")
def main(
    device: str,
    threads: int,
    dtype: str,
    repeats: int | None,
    sizes: str,
    foreground: float,
    out: Path,
    measured: Path | None,
) -> None:
    """Measure every built-in loss, print a table, and write JSON, page and plot."""
    with exit_codes():
        if measured:
            report(read(measured), measured.with_suffix(""))
            return
        refuse_unwritable_folder(out)
        command = f"python benchmarks/losses.py --device {device} --threads {threads} --dtype {dtype} --sizes {sizes}"
        command += f" --foreground {foreground:g}" + (f" --repeats {repeats}" if repeats else "")
        data = run(device, threads, dtype, repeats, sizes, foreground, command)
        target = out / f"losses_{device}"
        target.with_suffix(".json").write_text(dump(data), encoding="utf-8")
        report(data, target)


def run(
    device_name: str, threads: int, dtype: str, repeats: int | None, sizes: str, foreground: float, command: str
) -> dict[str, Any]:
    """Measures all losses at all sizes. Raises UserError without the device, RunFailedError if the numbers differ."""
    import torch
    from machine import describe
    from measure import LOSSES, Settings, measure

    if device_name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no GPU with CUDA here", "leave the option out to measure on CPU")
    torch.set_num_threads(threads)
    device = torch.device(device_name)
    settings = Settings(device, getattr(torch, dtype), foreground, repeats)
    results: dict[tuple[int, int, str], dict[str, Any]] = {}
    for visit in range(VISITS):
        for rois, classes in SIZES[sizes]:
            if visit and rois * classes > LARGE:
                continue
            for name in LOSSES:
                click.echo(f"N = {rois}, C = {classes}: {name} ({visit + 1})", err=True)
                result = measure(name, rois, classes, settings)
                first = results.setdefault((rois, classes, name), result)
                if first is not result:
                    for version, samples in result["seconds"].items():
                        first["seconds"][version] += samples
    return {
        "command": command,
        "machine": describe(device),
        "settings": {"device": device_name, "threads": threads, "dtype": dtype, "foreground": foreground},
        "results": list(results.values()),
    }


def report(data: dict[str, Any], target: Path) -> None:
    """Prints the table and writes page and plot beside the JSON: TARGET.md, .png, .svg.

    What bounds a loss is for a person to say: TARGET_notes.md, where there is one, goes into the page.
    """
    from page import markdown, table
    from plot import draw

    click.echo(table(data, "simple"))
    draw(data, target)
    notes = target.with_name(f"{target.name}_notes.md")
    remarks = notes.read_text(encoding="utf-8") if notes.is_file() else ""
    target.with_suffix(".md").write_text(markdown(data, target.name, remarks), encoding="utf-8")
    click.echo(f"wrote {target}.md, .png and .svg")


def dump(data: dict[str, Any]) -> str:
    """JSON with one line for each loss and size."""
    head = json.dumps({key: value for key, value in data.items() if key != "results"}, indent=1)
    results = ",\n".join(json.dumps(result) for result in data["results"])
    return f'{head[:-2]},\n "results": [\n{results}\n ]\n}}\n'


def read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: data[key] for key in ("command", "machine", "settings", "results")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--from {path}: {error!r}", "name a JSON that this script wrote") from error


if __name__ == "__main__":
    threads.prepare()
    main()
