"""`lt_bench compare`: differences between losses, and how sure they are."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_bench.cli.common import PATH, FiniteRange, verbose
from lt_bench.cli.leaderboard import LEADERBOARDS
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from lt_bench.evaluation.terms import BoxOrMask

logger = logging.getLogger(__name__)

STDOUT = "-"


@click.command()
@click.argument("losses", nargs=-1, metavar="A B [C]...")
@click.option(
    "--track", help="The track of the board, where it has several: its heading, or digits of its fingerprint."
)
@click.option("--leaderboards", type=PATH, default=LEADERBOARDS, show_default=True, help="Folder of the board.")
@click.option("--across-tracks", is_flag=True, help="Compare runs that differ in more than the loss.")
@click.option("--kind", type=click.Choice(["segm", "bbox"]), help="Masks or boxes. Default: masks if there are any.")
@click.option("--by-class", is_flag=True, help="The classes that gained and lost most; each loss against the first.")
@click.option("--swap-test/--no-swap-test", default=None, help="Permutation test. Default: where a loss has one seed.")
@click.option("--pooled/--no-pooled", default=None, help="Variance of seeds from all losses. Default: three or more.")
@click.option("--resamples", type=click.IntRange(100, 100_000), default=1000, show_default=True, help="Of the images.")
@click.option(
    "--random-seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the resamples."
)
@click.option("--confidence", type=FiniteRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--json", "json_to", metavar="FILE", help="All numbers, unrounded, as JSON; - prints them.")
@click.option("--csv", "csv_to", metavar="FILE", help="A row for each pair and metric; - prints them.")
@click.option("--plot", type=PATH, metavar="FILE", help="Forest plot of the differences: .png, .svg or .pdf.")
@verbose
def compare(
    losses: tuple[str, ...],
    track: str | None,
    leaderboards: Path,
    across_tracks: bool,
    kind: BoxOrMask | None,
    by_class: bool,
    swap_test: bool | None,
    pooled: bool | None,
    resamples: int,
    random_seed: int,
    confidence: float,
    json_to: str | None,
    csv_to: str | None,
    plot: Path | None,
) -> None:
    """Compare losses, with intervals: is B better than A, by how much, and how sure is that?

    A, B, ...: run folders, folders of runs, records, or names of losses on a board. Runs of the same loss are its
    seeds. NAME=PATH gives a name, and runs of the same name are one group: to compare a loss with itself.

    Two things are left to chance: which images the validation set holds, and which weights and batches a seed gives.
    The interval of seeds and images covers both; it needs two seeds of each loss, and three or more to be of use.
    """
    from lt_bench.evaluation.comparison.comparison import Options
    from lt_bench.leaderboard.comparison.report import Request, report

    outputs = _check_outputs(json_to, csv_to, plot, by_class)
    options = Options(
        resamples=resamples, random_seed=random_seed, confidence=confidence, swap_test=swap_test, pooled=pooled
    )
    found = report(Request(losses, leaderboards, track, across_tracks, kind, by_class, options, outputs))
    if STDOUT not in (json_to, csv_to):
        click.echo(found.text())
    if json_to is not None:
        _write(json_to, found.json())
    if csv_to is not None:
        _write(csv_to, found.csv())
        if by_class:
            _write(_classes(csv_to), found.classes_csv())
    for path in found.plot(plot) if plot is not None else ():
        logger.info(f"wrote {path}")


def _check_outputs(json_to: str | None, csv_to: str | None, plot: Path | None, by_class: bool) -> dict[str, Path]:
    """Option -> file. Raises UserError for outputs that can't be, before anything is computed."""
    from lt_bench.evaluation.comparison.figures import beside, refuse_no_figure
    from lt_bench.utils.files import refuse_unwritable

    if json_to == csv_to == STDOUT:
        raise UserError("--json - and --csv - would both print", "give a file for one of them")
    texts = {"--json": json_to, "--csv": csv_to}
    outputs = {name: Path(to) for name, to in texts.items() if to is not None and to != STDOUT}
    if plot is not None:
        outputs["--plot"] = plot
    found: dict[str, Path] = {}
    for name, path in outputs.items():
        refuse = refuse_no_figure if name == "--plot" else refuse_unwritable
        refuse(path)
        found[name] = path
        if by_class and name != "--json":
            found[f"{name} (by class)"] = beside(path, "by_class")
            refuse(found[f"{name} (by class)"])
    return found


def _classes(csv_to: str) -> str:
    """Where the rows of classes go: FILE_by_class.csv for FILE.csv."""
    from lt_bench.evaluation.comparison.figures import beside

    return csv_to if csv_to == STDOUT else str(beside(Path(csv_to), "by_class"))


def _write(name: str, text: str) -> None:
    from lt_bench.utils.files import unwritable, write_atomic

    if name == STDOUT:
        click.echo(text, nl=False)
        return
    try:
        write_atomic(Path(name), [text.encode()])
    except OSError as error:
        raise unwritable(Path(name), error) from error
    logger.info(f"wrote {name}")
