"""`lt_bench leaderboard`: the pages from the records."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lt_bench.cli.common import PATH
from lt_bench.errors import UserError

LEADERBOARDS = Path("leaderboards")


@click.command()
@click.option("--folder", type=PATH, default=LEADERBOARDS, show_default=True, help="Holds results/ and the pages.")
@click.option("--add", "records", type=PATH, multiple=True, metavar="RECORD", help="Take a result.json in first.")
def leaderboard(folder: Path, records: tuple[Path, ...]) -> None:
    """Make the tables anew from the records in FOLDER/results."""
    from lt_bench.leaderboard.page import regenerate
    from lt_bench.leaderboard.store import add

    for record in records:
        click.echo(f"added {add(record, folder / 'results')}")
    if not (folder / "results").is_dir():
        raise UserError(f"{folder} holds no results/", "name the folder with --folder, or --add a record")
    pages, problems = regenerate(folder, published=True)
    for page in pages:
        click.echo(f"wrote {page}")
    for problem in problems:
        click.echo(f"left out: {problem}", err=True)
    if problems:
        sys.exit(1)
