"""`lt_bench verify`: whether records say what their evidence, configs and predictions say."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click

from lt_bench.cli.common import PATH
from lt_bench.cli.leaderboard import LEADERBOARDS
from lt_bench.errors import UserError


@click.command()
@click.argument("paths", type=PATH, nargs=-1, metavar="[RECORD|FOLDER]...")
@click.option("--all", "everything", is_flag=True, help="All records of --folder.")
@click.option("--folder", type=PATH, default=LEADERBOARDS, show_default=True, help="Holds results/.")
@click.option("--annotations", type=PATH, help="Validation annotations that the predictions are of.")
def verify(paths: tuple[Path, ...], everything: bool, folder: Path, annotations: Path | None) -> None:
    """Hold records against their evidence, configs and predictions, and name every field that does not hold.

    A FOLDER is that of a run, or one that holds records. Exits with 1 if anything does not hold.
    """
    from lt_bench.leaderboard.files import records_in
    from lt_bench.leaderboard.verify import verify as verify_one

    if everything == bool(paths):
        raise UserError("verify needs records", "name records or folders, or give --all")
    if annotations is not None and not annotations.is_file():
        raise UserError(f"--annotations {annotations} is no file", "name the validation annotations")
    chosen = (folder / "results",) if everything else paths
    for path in chosen:
        if not path.exists():
            raise UserError(f"{path} does not exist", "name a record (.json), a run's folder or a folder of records")
    records = [record for path in chosen for record in records_in(path)]
    if not records:
        raise UserError(f"{', '.join(map(str, chosen))} holds no record", "name a folder that does")
    count: Counter[str] = Counter()
    for record in records:
        found = verify_one(record, annotations=annotations)
        count[found.status] += 1
        status = f"{found.status} (no evidence)" if found.status == "unverified" else found.status
        click.echo(f"{status}: {record}" + (f" (checked: {', '.join(found.checked)})" if found.checked else ""))
        for problem in found.problems:
            click.echo(f"  {problem}")
        for reason in found.unchecked if len(records) == 1 else ():
            click.echo(f"  not checked: {reason}")
    if len(records) > 1:
        click.echo(", ".join(f"{count[status]} {status}" for status in ("verified", "unverified", "wrong")))
    if count["wrong"]:
        sys.exit(1)
