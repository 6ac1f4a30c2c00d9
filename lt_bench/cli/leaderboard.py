"""`lt_bench leaderboard`: the pages from the records."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from lt_bench import __version__
from lt_bench.cli.common import PATH, log_to_terminal
from lt_bench.errors import UserError
from lt_bench.utils.files import unwritable

LEADERBOARDS = Path("leaderboards")


@click.command()
@click.option("--folder", type=PATH, default=LEADERBOARDS, show_default=True, help="Holds results/ and the pages.")
@click.option("--add", "runs", type=PATH, multiple=True, metavar="FOLDER",
              help="Verify a run, or all runs in a folder, and take them in first.")  # fmt: skip
@click.option("--annotations", type=PATH, help="With --add: validation annotations that the predictions are of.")
@click.option("--check", is_flag=True, help="Only say whether the pages are what the records give.")
@click.option("--strict", is_flag=True, help="Refuse records that do not verify, and tables with missing seeds.")
@click.option("--archive", "archived", is_flag=True, help="Then copy pages and results to archive/VERSION/.")
def leaderboard(
    folder: Path, runs: tuple[Path, ...], annotations: Path | None, check: bool, strict: bool, archived: bool
) -> None:
    """Make the tables anew from the records in FOLDER/results. Exits with 1 if a record or a page is not right.

    All runs to --add are verified before the first is stored. With --strict the records are judged as they would be
    with them, and if one is refused nothing is stored and no page is written.
    """
    from lt_bench.leaderboard.check import check_pages, check_rows
    from lt_bench.leaderboard.store import changing
    from lt_bench.leaderboard.submission import submissible

    log_to_terminal(logging.WARNING)  # of rows that count as unverified
    results = folder / "results"
    if check and (runs or archived):
        raise UserError("--check writes nothing", "leave out --add and --archive, or --check")
    added = submissible(runs, results, annotations)
    if not added and not results.is_dir():
        raise UserError(f"{folder} holds no results/", "name the folder with --folder, or --add a run")
    if check:
        problems = check_rows(folder) if strict else []
        problems += [problem for problem in check_pages(folder) if problem not in problems]
        _fail(problems, folder)
        click.echo(f"{folder}: the pages are what the records give")
        return
    with _held(folder), changing(results):  # else a run that ends just now is in the store and on no page
        if strict:
            _fail(check_rows(folder, added), folder)
        _make(folder, added.values(), archived)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is None:  # nothing but the folder can be named
            raise unwritable(folder, error) from error
        raise


def _make(folder: Path, records: Iterable[Path], archived: bool) -> None:
    """Store the records, then make the pages."""
    from lt_bench.leaderboard.archive import archive
    from lt_bench.leaderboard.page import regenerate
    from lt_bench.leaderboard.store import add

    for record in records:
        click.echo(f"added {add(record, folder / 'results')}")
    pages, problems = regenerate(folder, published=True)
    for page in pages:
        click.echo(f"wrote {page}")
    if archived and not problems:
        click.echo(f"archived {archive(folder, __version__)}")
    for problem in problems:
        click.echo(f"left out: {problem}", err=True)
    if problems:
        sys.exit(1)


def _fail(problems: Sequence[str], folder: Path) -> None:
    """Exit with 1 if there are problems."""
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.echo(f"{folder}: {len(problems)} problem(s), nothing was written", err=True)
        sys.exit(1)
