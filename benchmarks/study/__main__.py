"""How far cheap orders of losses agree with dear ones: docs/study.md from committed records.

    python -m benchmarks.study
    python -m benchmarks.study --check      whether the page is what the records give; writes nothing

Reads leaderboards/results and leaderboards/study, trains nothing, and writes docs/study.md and docs/study.json. What
is not there yet is named as missing. docs/study_conclusions.md is written by hand and goes into the page as it is.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.common import CHECKOUT
from benchmarks.common.command import SETTINGS, dump
from benchmarks.study import STUDY
from benchmarks.study.crossed_page import crossed
from benchmarks.study.load import best_runs, tracks
from benchmarks.study.over_grid import BestOf, GridOf, best_of, grids, unlike_board
from benchmarks.study.page import Study, numbers, render
from benchmarks.study.roles import missing, sections
from benchmarks.study.stored_rois import fewer
from benchmarks.study.tables import at_a_glance
from benchmarks.study.tail import tails
from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.utils.files import write_atomic

DOCS = CHECKOUT / "docs"
CONCLUSIONS = "study_conclusions.md"
FOLDER = click.Path(path_type=Path)
DIGITS = 4


@click.command(context_settings=SETTINGS)
@click.option("--results", type=FOLDER, default=CHECKOUT / "leaderboards" / "results", help="Records of the boards.")
@click.option("--study", "own", type=FOLDER, default=STUDY, help="What benchmarks.study.runs collected.")
@click.option("--docs", type=FOLDER, default=DOCS, help=f"Folder of the page, which holds {CONCLUSIONS}.")
@click.option("--check", is_flag=True, help="Exit with 1 if page or JSON are not what the records give.")
def main(results: Path, own: Path, docs: Path, check: bool) -> None:
    """Make the page of the study from records."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        made = study(results, own)
        hand = docs / CONCLUSIONS
        conclusions = hand.read_text(encoding="utf-8") if hand.is_file() else "No conclusions were written yet."
        texts = {docs / "study.md": render(made, conclusions), docs / "study.json": dump(data(made))}
        if check:
            _refuse_old(texts)
            return
        for path, text in texts.items():
            write_atomic(path, [text.encode()])
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo("\n".join([at_a_glance(made.sections), *numbers(made)]))
    click.echo(f"wrote {docs / 'study.md'} and study.json")


def study(results: Path, own: Path) -> Study:
    """All that follows from the records. Raises UserError for a table of the grid that can't be read."""
    found, left_out = tracks(results)
    runs = best_runs(own / "best")
    over = [(grid, best_of(grid, runs)) for grid in grids(own, found)]
    lacking = [*missing(found), *_grids_missing(over)]
    left_out += unlike_board(own, found)
    return Study(
        tracks=found,
        detectors=[run.record for run in best_runs(own / "detectors")],
        sections=sections(found, over),
        grids=over,
        tails=tails(found),
        crossed=crossed(own, found),
        fewer=fewer(own, found),
        missing=lacking,
        left_out=left_out,
    )


def data(made: Study) -> dict[str, Any]:
    """The orders held against each other, and what is missing, for other programs."""
    return {
        "agreements": [
            {
                "question": section.heading,
                "first": one.first,
                "second": one.second,
                "metric": one.metric,
                "losses": list(one.losses),
                "tau": _rounded(one.agreement.tau),
                "bounds": _ends(one.agreement.bounds),
                "seeds": _ends(one.agreement.seeds),
                "seeds_and_images": _ends(one.agreement.total),
                "by_chance": _rounded(one.chance),
                "significant_first": len(one.pairs.first),
                "significant_second": len(one.pairs.second),
                "kept": len(one.pairs.kept),
                "same": len(one.pairs.same),
                "reversed": len(one.pairs.opposite),
            }
            for section in made.sections
            for one in section.comparisons
        ],
        "missing": list(made.missing),
    }


def _refuse_old(texts: Mapping[Path, str]) -> None:
    """Ends the process with 1 when a file does not hold its text."""
    old = [path for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in old:
        click.echo(f"{path} is not what the records give; make it with `make study`", err=True)
    if old:
        sys.exit(1)


def _grids_missing(over: Sequence[tuple[GridOf, BestOf | None]]) -> list[str]:
    found = []
    for recipe in ("common", "plain"):
        there = [grid for grid, _ in over if (grid.track.dataset, grid.track.recipe) == ("glyphs-lt", recipe)]
        if not any(grid.val["AP"] for grid in there):
            found.append(f"the grid on validation images of glyphs-lt, {recipe}")
        if not any(grid.held_out for grid in there):
            found.append(f"the grid on held-out images of glyphs-lt, {recipe}")
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(interval.low, DIGITS), round(interval.high, DIGITS)]


if __name__ == "__main__":
    main()
