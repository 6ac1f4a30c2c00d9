"""`lt_bench verify`: whether records say what their evidence, configs and predictions say."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from lt_bench.cli.common import PATH
from lt_bench.cli.leaderboard import LEADERBOARDS
from lt_bench.errors import UserError

EXPECTED = "name a record (.json), a run's folder, or a folder of records or of runs"


@click.command()
@click.argument("paths", nargs=-1, metavar="[RECORD|FOLDER]...")
@click.option("--all", "everything", is_flag=True, help="All records of --folder.")
@click.option("--folder", type=PATH, default=LEADERBOARDS, show_default=True, help="Holds results/.")
@click.option("--annotations", type=PATH, help="Validation annotations that the predictions are of.")
def verify(paths: tuple[str, ...], everything: bool, folder: Path, annotations: Path | None) -> None:
    """Hold records against their evidence, configs and predictions, and name every field that does not hold.

    A FOLDER is that of a run, or one that holds runs or stored records. Exits with 1 if anything does not hold, with 2
    if there is no record. A run that is not finished is named, and fails only if there is nothing else.
    """
    from lt_bench.leaderboard.verify import verify as verify_one

    if everything == bool(paths):
        raise UserError("verify needs records", "name records or folders, or give --all")
    records, unfinished = _records([folder / "results"] if everything else [_path(name) for name in paths])
    if annotations is not None:
        _check_annotations(annotations, records)
    count: Counter[str] = Counter()
    for record in records:
        found = verify_one(record, annotations=annotations)
        count[found.status] += 1
        click.echo(f"{found.headline}: {record}" + (f" (checked: {', '.join(found.checked)})" if found.checked else ""))
        for problem in found.problems:
            click.echo(f"  {problem}")
        for reason in found.unchecked if len(records) == 1 else ():
            click.echo(f"  not checked: {reason}")
    for run in unfinished:
        click.echo(f"not finished: {run} (no result.json)")
    count["not finished"] = len(unfinished)
    if len(records) + len(unfinished) > 1:
        shown = ["verified", "unverified", "wrong", *(["not finished"] if unfinished else [])]
        click.echo(", ".join(f"{count[status]} {status}" for status in shown))
    if count["wrong"]:
        sys.exit(1)
    if not records:
        raise UserError("no run is finished", "give the command of a run again: it goes on where it ended")


def _path(name: str) -> Path:
    if not name:  # Path("") is the current folder
        raise UserError("a name is empty", EXPECTED)
    return Path(name)


def _records(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The records that are named, and the folders of runs that have none yet. Raises UserError for what is neither."""
    from lt_bench.leaderboard.find import find_records, is_meant

    records: list[Path] = []
    unfinished: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist", EXPECTED)
        if not path.is_dir():
            if not is_meant(path):
                raise UserError(f"{path} is no record", EXPECTED)
            records.append(path)
            continue
        found = find_records(path)
        if found.problems:
            raise UserError(found.problems[0], EXPECTED)
        if any(map(is_meant, found.records)):
            records += found.records
        elif not found.unfinished:
            others = f": {found.records[0].relative_to(path)} is none" if found.records else ""
            raise UserError(f"{path} holds no record{others}", EXPECTED)
        unfinished += found.unfinished
    return list(dict.fromkeys(records)), list(dict.fromkeys(unfinished))


def _check_annotations(annotations: Path, records: Iterable[Path]) -> None:
    """Before anything is verified: a mistake in them is none of a record."""
    from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
    from lt_bench.leaderboard.files import files_of
    from lt_bench.leaderboard.store import read
    from lt_bench.leaderboard.verification.by_predictions import check_annotations

    if not annotations.is_file():
        raise UserError(f"--annotations {annotations} is no file", "name the validation annotations")
    try:
        load_ground_truth(annotations, masks=False)  # whether they are needed, each record says
    except UserError as error:
        raise UserError(f"--annotations: {error.message}", error.remedy) from error
    for record in records:
        try:
            content = read(record)
        except UserError:
            continue  # named when it is verified
        try:
            check_annotations(content, annotations, files_of(record).evidence)
        except UserError as error:
            raise UserError(f"--annotations: {error.message}", error.remedy) from error
