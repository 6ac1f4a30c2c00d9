"""The command of a benchmark: --out and --from, exit codes, and how its results are written and shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.common import CHECKOUT
from lt_bench.errors import RunFailedError, UserError
from lt_bench.utils.files import refuse_unwritable_folder

Data = dict[str, Any]
RESULTS = CHECKOUT / "benchmarks" / "results"
SETTINGS = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Benchmark:
    """How the results of `python -m benchmarks.NAME` are shown.

    keys: of its JSON, beside `command` and `machine`. table: for the terminal. page: parts of the Markdown page.
    draw: the figure NAME.png and .svg; caption: its description. check: raises RunFailedError for results that are
    shown, but wrong.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    table: Callable[[Data], str]
    page: Callable[[Data], list[str]]
    draw: Callable[[Data, Path], None] | None = None
    caption: str = ""
    check: Callable[[Data], None] = lambda data: None


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --out and --from, which `conduct` takes as `out` and `measured`."""
    for option in (
        click.option("--from", "measured", type=click.Path(path_type=Path), metavar="JSON", help="Of an earlier run."),
        click.option("--out", type=click.Path(path_type=Path), default=RESULTS, help="Default: benchmarks/results."),
    ):
        command = option(command)
    return command


def numbers(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Callback of an option that takes numbers with commas between them."""
    try:
        return tuple(int(part) for part in value.split(",")) if value else None
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of numbers like 80,1203") from error


def names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Callback of an option that takes names with commas between them."""
    return tuple(value.split(",")) if value else None


def conduct(benchmark: Benchmark, out: Path, measured: Path | None, measure: Callable[[], Data]) -> None:
    """Measure, or read what --from names, and write JSON, page and figure.

    Ends the process with 2 for a user's mistake and with 1 for a measurement that failed, both without traceback.
    """
    try:
        if measured:
            publish(benchmark, load(measured, benchmark.keys), measured.with_suffix(""))
            return
        refuse_unwritable_folder(out)
        context = click.get_current_context()
        data = measure()

        from benchmarks.common.machine import describe  # imports torch

        device = context.params.get("device")
        data = {"command": command_line(benchmark.name, context), "machine": describe(device or "cpu"), **data}
        target = out / (f"{benchmark.name}_{device}" if device else benchmark.name)
        target.with_suffix(".json").write_text(dump(data), encoding="utf-8")
        publish(benchmark, data, target)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except RunFailedError as error:
        click.echo(f"failed: {error}", err=True)
        sys.exit(1)


def command_line(name: str, context: click.Context) -> str:
    """The command with all its options but those that name files."""
    words = [f"python -m benchmarks.{name}"]
    for option in context.command.params:
        value = context.params.get(option.name or "")
        if value is True:
            words.append(option.opts[-1])
        elif value not in (None, False) and not isinstance(value, Path):
            words.append(f"{option.opts[-1]} {','.join(map(str, value)) if isinstance(value, tuple) else value}")
    return " ".join(words)


def publish(benchmark: Benchmark, data: Data, target: Path) -> None:
    """Print the table and write TARGET.md, .png and .svg.

    What bounds a result is for a person to say: TARGET_notes.md, where there is one, goes into the page.
    """
    click.echo(benchmark.table(data))
    figure = []
    if benchmark.draw:
        benchmark.draw(data, target)
        figure = [f"![{benchmark.caption}]({target.name}.svg)"]
    notes = target.with_name(f"{target.name}_notes.md")
    parts = [
        f"# {benchmark.title} on {data['machine']['device']}",
        f"Made from `{target.name}.json` by `python -m benchmarks.{benchmark.name}`.",
        *figure,
        *benchmark.page(data),
        *([notes.read_text(encoding="utf-8").strip()] if notes.is_file() else []),
        "## Machine",
        "\n".join(f"- {key}: {value}" for key, value in data["machine"].items()),
        *([f"    {data['command']}"] if "command" in data else []),
    ]
    target.with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    click.echo(f"wrote {target}.md{', .png and .svg' if figure else ''}")
    benchmark.check(data)


def dump(data: Data) -> str:
    """JSON with a line for each entry of a list."""
    entries = []
    for key, value in data.items():
        if isinstance(value, list):
            text = "[\n" + ",\n".join(map(json.dumps, value)) + "\n ]"
        else:
            text = json.dumps(value, indent=1).replace("\n", "\n ")
        entries.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def load(path: Path, keys: tuple[str, ...]) -> Data:
    """Raises UserError for a file that holds anything else."""
    try:
        data: Data = json.loads(path.read_text(encoding="utf-8"))
        missing = {"machine", *keys} - data.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"--from {path}: {error!r}", "name a JSON that this benchmark wrote") from error
    if missing:
        raise UserError(f"--from {path}: no {', '.join(sorted(missing))}", "name a JSON that this benchmark wrote")
    return data
