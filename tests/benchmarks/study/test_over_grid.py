"""Stability over the grid, and what each loss's best cell changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats
from study_records import FEATURES, SKILLS, write_track

from benchmarks.study.grid import Cell, cells
from benchmarks.study.grid_tables import of_best, of_cells
from benchmarks.study.load import best_runs, tracks
from benchmarks.study.over_grid import best_of, centre, grid_of, grids, unlike_board
from benchmarks.study.roles import sections
from benchmarks.study.rows import Row, row_of, table_path, write_rows
from benchmarks.study.sentences import gaining, held_out, stability

OWN = Cell(0.02, 2000, 5.0)
HOT = Cell(0.06, 4000, 5.0)


def row(loss: str, cell: Cell, ap: float | None, seed: int = 0, evaluated: str = "val") -> Row:
    head = ("glyphs-lt", FEATURES, "plain", evaluated, loss, cell.rate, cell.steps, cell.clip, seed)
    return Row(*head, ap, ap, ap, ap, "1" * 16, "2" * 16)


def whole_grid(of_ce_when_hot: float | None = 0.9) -> list[Row]:
    """ce comes first where it is hot; all other cells have the order of the skills."""
    rows = []
    for evaluated, seeds in (("val", (0, 1)), ("held_out", (0,))):
        for cell in cells(OWN):
            for loss, skill in SKILLS.items():
                ap = of_ce_when_hot if (loss, cell) == ("ce", HOT) else skill / 2 + (0.01 if cell == OWN else 0)
                rows += [row(loss, cell, ap, seed, evaluated) for seed in seeds]
    return rows


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    write_track(folder / "results", "plain", FEATURES, seeds=range(4))
    overrides = ["--steps 4000", "--rate 0.06"]
    write_track(folder / "best", "plain", FEATURES, {"ce": 0.75}, (0, 1, 2), fingerprint="e" * 64, overrides=overrides)
    write_track(
        folder / "best", "plain", FEATURES, {"ecm": 0.1}, (0, 1, 2), fingerprint="d" * 64, overrides=["--clip 1"]
    )
    return folder


def test_the_centre_is_the_recipes_cell() -> None:
    assert centre(cells(OWN)) == OWN


def test_taus_are_those_of_the_cells(board: Path) -> None:
    write_rows(table_path(board, FEATURES, "plain"), whole_grid())
    (track,) = tracks(board / "results")[0]
    (grid,) = grids(board, [track])
    assert (grid.own, len(grid.cells), grid.seeds) == (OWN, 11, (0, 1))
    skills = [SKILLS[loss] for loss in sorted(SKILLS)]
    hot = stats.kendalltau(skills, [0.9, *(SKILLS[loss] / 2 for loss in sorted(SKILLS)[1:])])
    assert grid.taus["AP"][HOT] == pytest.approx(hot.statistic) and hot.statistic < 1
    assert {tau for cell, tau in grid.taus["AP"].items() if cell != HOT} == {1.0}
    assert grid.again["AP"] == (1.0,)  # seeds 2 and 3
    assert "1 of 10 cells are below that" in stability(grid, "AP")
    assert f"**{90.0}**" in of_cells(grid, "held_out") and "**" not in of_cells(grid, "val")


def test_how_far_held_out_images_can_be_trusted_is_said(board: Path) -> None:
    (track,) = tracks(board / "results")[0]
    rows = [row for row in whole_grid() if (row.loss, row.cell, row.evaluated) != ("ce", OWN, "held_out")]
    grid = grid_of(track, [*rows, row("ce", OWN, 0.99, evaluated="held_out")])  # first there, last on the board
    by_skill = [SKILLS[loss] for loss in sorted(SKILLS)]
    tau = stats.kendalltau([0.99, *by_skill[1:]], by_skill).statistic
    assert grid.held_out_and_val() == pytest.approx(tau) and tau < 1
    assert grid.held_out_taus()[HOT] == pytest.approx(1.0)  # ce is first there too
    spread, trust = held_out(grid)
    assert f"{tau:.2f} to 1.00" in spread and f"{tau:.2f}." in trust


def test_the_best_cell_is_best_for_the_classes_of_the_validation_set(board: Path) -> None:
    """The classes are a third each, rare, common and frequent; held-out AP may be that of the frequent ones."""
    (track,) = tracks(board / "results")[0]
    rows = [one for one in whole_grid() if one.evaluated == "held_out"]
    for place, one in enumerate(rows):
        if (one.loss, one.cell) == ("ce", HOT):
            rows[place] = replace(one, AP=0.45, APr=0.3, APc=0.45, APf=0.5)
        elif one.loss == "ce":
            rows[place] = replace(one, AP=0.5, APr=0.1, APc=0.5, APf=0.6)
    grid = grid_of(track, rows)
    assert grid.chosen["ce"] == HOT and grid.chosen["ecm"] == OWN
    assert grid.held_out[HOT]["ce"] == pytest.approx((0.3 + 0.45 + 0.5) / 3)
    assert f"**{100 * grid.held_out[HOT]['ce']:.1f}**" in of_cells(grid, "held_out")


def test_the_best_cells_are_compared_on_the_same_seeds(board: Path) -> None:
    (track,) = tracks(board / "results")[0]
    grid = grid_of(track, whole_grid())
    assert grid.chosen == {"ce": HOT, "ecm": OWN, "eqlv2": OWN, "seesaw": OWN}
    found = best_of(grid, best_runs(board / "best"))
    assert found is not None and not found.lacking and list(found.gains) == ["ce"]
    assert {one.seeds for one in (*found.own, *found.best)} == {(0, 1, 2)}
    gain = found.gains["ce"]["AP"]
    assert (
        gain.value == pytest.approx(float((found.best[0].values - found.own[0].values)[:, 0].mean())) and gain.value > 0
    )
    assert gaining(found).startswith("AP with each loss's best cell instead of the recipe's; these gain: ce +")
    (one, _) = found.comparisons
    assert one.agreement.tau is not None and one.agreement.tau < 1 and one.agreement.seeds is None
    assert "| ce " in of_best(grid, found) and "rate 0.06, 4,000 steps, clip 5" in of_best(grid, found)


def test_the_best_cells_stand_beside_full_training(board: Path, tmp_path: Path) -> None:
    """With its best cell ce comes where full training has it; in the recipe's cell it is last."""
    (track,) = tracks(board / "results")[0]
    over = [(grid := grid_of(track, whole_grid()), best_of(grid, best_runs(board / "best")))]
    write_track(tmp_path, "plain", None, {**SKILLS, "ce": 0.7})
    write_track(tmp_path, "common", None)
    full = [one for one in tracks(tmp_path)[0] if one.features is None]
    (section, *_) = sections([track, *full], over)
    taus = {(one.first, one.second): one.agreement.tau for one in section.comparisons if one.metric == "AP"}
    own, second = "glyphs-lt plain, decoupled (ce_0)", "glyphs-lt plain, full"
    assert taus[f"{own}, best schedules", second] == 1.0 and (taus[own, second] or 0) < 1
    assert (f"{own}, best schedules", "glyphs-lt common, full") not in taus


def test_a_row_that_is_not_the_boards_run_is_named(board: Path, tmp_path: Path) -> None:
    (track,) = tracks(board / "results")[0]
    record = track.records[0]
    right = row_of(record, OWN, "val")
    write_rows(table_path(tmp_path, FEATURES, "plain"), [right, row("ce", HOT, 0.5)])
    assert unlike_board(tmp_path, [track]) == []
    write_rows(table_path(tmp_path, FEATURES, "plain"), [replace(right, AP=0.5)])
    (line,) = unlike_board(tmp_path, [track])
    assert f"{record.loss.name}, seed {record.seed}, {OWN}: not as on the board" in line


def test_a_best_cell_without_runs_is_named(board: Path) -> None:
    (track,) = tracks(board / "results")[0]
    found = best_of(grid_of(track, whole_grid()), [])
    assert found is not None and found.lacking == ("ce",) and len(found.own) == 3


def test_a_diverged_loss_is_out_of_the_tau_and_shown(board: Path) -> None:
    (track,) = tracks(board / "results")[0]
    grid = grid_of(track, whole_grid(None))
    assert grid.taus["AP"][HOT] == 1.0 and grid.chosen["ce"] == OWN
    assert "diverged" in of_cells(grid, "val")


def test_no_choice_on_a_part_of_the_grid(board: Path) -> None:
    (track,) = tracks(board / "results")[0]
    rows = [one for one in whole_grid() if one.evaluated == "val" or one.cell != HOT]
    assert not grid_of(track, rows).chosen
    assert best_of(grid_of(track, [replace(one, seed=5) for one in rows]), []) is None
