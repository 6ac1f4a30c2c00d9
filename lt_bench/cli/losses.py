"""`lt_bench losses`: list the installed losses, or show what they do."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.cli.common import PATH, Group

if TYPE_CHECKING:
    from lt_bench.api.plugins import PluginInfo


@click.group(cls=Group, invoke_without_command=True)
@click.option("--check", is_flag=True, help="Import every loss instead of reading its source.")
@click.pass_context
def losses(ctx: click.Context, check: bool) -> None:
    """List the installed losses, where they come from, their hyper-parameters and papers; or show what they do."""
    if ctx.invoked_subcommand is not None:
        return

    from lt_bench.api.registry import list_losses

    show_plugins(list_losses(load=check), check)


def show_plugins(infos: Sequence[PluginInfo], check: bool) -> None:
    """Each with where it comes from, its paper and hyper-parameters. check: exit with 1 if one is broken."""
    broken = False
    for info in infos:
        broken |= info.problem is not None
        click.echo(f"{info.name}  ({info.distribution} {info.version})".rstrip())
        if info.problem is not None:
            click.echo(f"  BROKEN: {info.problem}")
            continue
        values = ", ".join(f"{name}={value}" for name, value in info.hyper_parameters.items())
        click.echo(f"  {info.paper or 'no paper named'}\n  hyper-parameters: {values or 'none'}")
    if check and broken:
        sys.exit(1)


@losses.command("show")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every installed loss.")
@click.option("--annotations", type=PATH, help="LVIS training JSON with the class counts. Default: synthetic counts.")
@click.option(
    "--after",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Training calls before the loss is measured.",
)
@click.option(
    "--out", type=PATH, default=Path("loss_profiles"), show_default=True, help="Folder for the figure and the numbers."
)
def losses_show(names: tuple[str, ...], every: bool, annotations: Path | None, after: int, out: Path) -> None:
    """Measure what losses do to rare and frequent classes: a table, a figure (PNG and SVG) and all numbers (CSV)."""
    from lt_bench.loss_analysis import show
    from lt_bench.loss_analysis.table import summary
    from lt_bench.utils.files import refuse_unwritable_folder

    chosen = show.choose(names, every)
    stats, about = show.statistics(annotations)
    refuse_unwritable_folder(out)
    profiles, problems = show.measure_all(chosen, stats, after)
    if profiles:
        stem = ("all" if every else "-".join(chosen)) + (f"-after-{after}" if after else "")
        click.echo(f"{about}; medians over the classes of a group\n{summary(profiles, stats)}")
        for path in show.write(profiles, stats, about, out / stem):
            click.echo(f"wrote {path}")
    for problem in problems:
        click.echo(f"can't be measured: {problem}", err=True)
    if problems:
        sys.exit(1)
