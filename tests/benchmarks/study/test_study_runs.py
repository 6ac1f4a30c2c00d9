"""The grid's runs are those of `probe`, and the choice is made on held-out images alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.study import runs
from benchmarks.study.choice import classes_shown
from benchmarks.study.grid import Cell
from benchmarks.study.rows import METRICS, Row, read_rows, row_of, table_path, write_rows
from benchmarks.study.runs import Job, choose, recipe_cell, run_best, run_grid
from lt_bench.errors import RunFailedError, UserError
from lt_bench.features.store import FeatureSet
from lt_bench.leaderboard.store import read
from lt_bench.leaderboard.verify import verify
from lt_bench.probe.one import run_probe
from lt_bench.probe.plan import Planner
from lt_bench.probe.settings import Settings

pytestmark = pytest.mark.extra  # trains

OWN, OTHER = Cell(0.02, 8, 5.0), Cell(0.06, 4, 0.0)


@pytest.fixture
def job(features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(runs, "cells", lambda own: [own, OTHER])
    return Job(features, "plain", OWN, ("ce", "seesaw"), tmp_path / "work", 2, "fork")


def made_row(loss: str, cell: Cell, ap: float | None, evaluated: str = "held_out") -> Row:
    head = ("glyphs-lt", "ce_0_abcdef01", "plain", evaluated, loss, cell.rate, cell.steps, cell.clip, 0)
    return Row(*head, ap, ap, ap, ap, "1" * 16, "2" * 16)


def test_rows_are_what_probe_gives(job: Job, tmp_path: Path) -> None:
    run_grid(job, "held_out", (0,), tmp_path / "out")
    path = table_path(tmp_path / "out", job.features.manifest.name, "plain")
    rows = read_rows(path)
    assert [(row.loss, row.cell) for row in rows] == [("ce", OTHER), ("ce", OWN), ("seesaw", OTHER), ("seesaw", OWN)]
    planner = Planner(job.features, Settings("plain", 4, 0.06, 0.0, "held_out"))
    alone = run_probe(planner.run("seesaw", {}, 0, tmp_path / "alone"))
    assert rows[2] == row_of(alone, OTHER, "held_out")
    assert [getattr(rows[2], name) for name in METRICS] == [getattr(alone.metrics.bbox, name) for name in METRICS]
    before = path.read_bytes()
    run_grid(job, "held_out", (0,), tmp_path / "out")
    assert path.read_bytes() == before


def test_the_choice_is_for_the_classes_of_the_validation_set(job: Job, tmp_path: Path) -> None:
    """Two classes each are rare, common and frequent: the mean of the groups decides, not AP."""
    assert classes_shown(job.features, "val") == {"r": 2, "c": 2, "f": 2}
    of_tail = replace(made_row("ce", OTHER, 0.4), APr=0.3, APc=0.5, APf=0.5)
    of_head = replace(made_row("ce", OWN, 0.5), APr=0.1, APc=0.5, APf=0.6)
    write_rows(table_path(tmp_path, job.features.manifest.name, "plain"), [of_tail, of_head])
    assert choose(replace(job, losses=("ce",)), tmp_path) == {"ce": OTHER}


def test_the_best_cell_gets_records_that_hold(job: Job, tmp_path: Path) -> None:
    name = job.features.manifest.name
    rows = [made_row("ce", OWN, 0.3), made_row("ce", OTHER, 0.2), made_row("ce", OTHER, 0.9, "val")]
    rows += [made_row("seesaw", OWN, 0.3), made_row("seesaw", OTHER, 0.4)]
    write_rows(table_path(tmp_path, name, "plain"), rows)
    assert choose(job, tmp_path) == {"ce": OWN, "seesaw": OTHER}
    (record,) = run_best(job, (0,), tmp_path)
    assert record.loss.name == "seesaw" and set(record.overrides) == {"--steps 4", "--rate 0.06", "--clip 0"}
    (stored,) = (tmp_path / "best").rglob("*.json")
    assert read(stored) == record and verify(stored).status == "verified"


def test_no_choice_without_the_whole_grid(job: Job, tmp_path: Path) -> None:
    path = table_path(tmp_path, job.features.manifest.name, "plain")
    write_rows(path, [made_row("ce", OWN, 0.3), made_row("ce", OTHER, 0.2), made_row("seesaw", OTHER, 0.4)])
    with pytest.raises(UserError, match="the grid of seesaw on held-out images is not complete"):
        choose(job, tmp_path)


def test_a_loss_that_diverges_is_a_row_and_never_the_best(job: Job, tmp_path: Path) -> None:
    hot = replace(job, losses=("ce",), recipe_cell=Cell(1e38, 8, 0.0))
    run_grid(hot, "held_out", (0,), tmp_path)
    rows = read_rows(table_path(tmp_path, job.features.manifest.name, "plain"))
    assert [(row.cell, row.AP is None) for row in rows] == [(OTHER, False), (Cell(1e38, 8, 0.0), True)]
    assert choose(hot, tmp_path) == {"ce": OTHER}


def test_other_failures_end_it_after_the_rest(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: object, *arguments: object) -> object:
        if getattr(run, "loss", "") == "ce":
            raise ZeroDivisionError("no")
        return run_probe(run)  # type: ignore[arg-type]

    monkeypatch.setattr("lt_bench.probe.one.run_probe", fail)
    with pytest.raises(RunFailedError, match="2 runs"):
        run_grid(job, "held_out", (0,), tmp_path)
    rows = read_rows(table_path(tmp_path, job.features.manifest.name, "plain"))
    assert {row.loss for row in rows} == {"seesaw"} and len(rows) == 2


def test_the_recipes_cell_is_its_own(features: FeatureSet) -> None:
    assert recipe_cell(features, "common") == Cell(0.02, 2000, 5.0)
