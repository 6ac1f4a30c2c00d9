"""`lt_bench leaderboard`: the pages from the records."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from lt_bench import __version__
from lt_bench.cli.common import PATH, log_to_terminal
from lt_bench.errors import UserError

LEADERBOARDS = Path("leaderboards")


@click.command()
@click.option("--folder", type=PATH, default=LEADERBOARDS, show_default=True, help="Holds results/ and the pages.")
@click.option("--add", "runs", type=PATH, multiple=True, metavar="FOLDER", help="Verify a run and take it in first.")
@click.option("--annotations", type=PATH, help="With --add: validation annotations that the predictions are of.")
@click.option("--check", is_flag=True, help="Only say whether the pages are what the records give.")
@click.option("--strict", is_flag=True, help="Refuse records that do not verify, and tables with missing seeds.")
@click.option("--archive", "archived", is_flag=True, help="Then copy pages and results to archive/VERSION/.")
def leaderboard(
    folder: Path, runs: tuple[Path, ...], annotations: Path | None, check: bool, strict: bool, archived: bool
) -> None:
    """Make the tables anew from the records in FOLDER/results. Exits with 1 if a record or a page is not right."""
    from lt_bench.leaderboard.archive import archive
    from lt_bench.leaderboard.check import check_pages, check_rows
    from lt_bench.leaderboard.page import regenerate
    from lt_bench.leaderboard.submission import submit

    log_to_terminal(logging.WARNING)  # of rows that count as unverified
    if check and (runs or archived):
        raise UserError("--check writes nothing", "leave out --add and --archive, or --check")
    for run in runs:
        click.echo(f"added {submit(run, folder / 'results', annotations)}")
    if not (folder / "results").is_dir():
        raise UserError(f"{folder} holds no results/", "name the folder with --folder, or --add a run")
    problems = check_rows(folder) if strict else []
    if check:
        problems += [problem for problem in check_pages(folder) if problem not in problems]
    if problems or check:
        return _report(problems, folder)
    pages, problems = regenerate(folder, published=True)
    for page in pages:
        click.echo(f"wrote {page}")
    if archived and not problems:
        click.echo(f"archived {archive(folder, __version__)}")
    for problem in problems:
        click.echo(f"left out: {problem}", err=True)
    if problems:
        sys.exit(1)


def _report(problems: list[str], folder: Path) -> None:
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.echo(f"{folder}: {len(problems)} problem(s), nothing was written", err=True)
        sys.exit(1)
    click.echo(f"{folder}: the pages are what the records give")
