from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.study.choice import as_on_val
from benchmarks.study.grid import Cell, best, cells
from benchmarks.study.rows import Row, read_rows
from lt_bench.errors import UserError

OWN = Cell(0.02, 2000, 5.0)


def test_eleven_cells_the_recipes_first() -> None:
    grid = cells(OWN)
    assert grid[0] == OWN and len(grid) == len(set(grid)) == 11
    assert {(cell.rate, cell.steps) for cell in grid if cell.clip == 5} == {
        (rate, steps) for rate in (0.007, 0.02, 0.06) for steps in (1000, 2000, 4000)
    }
    assert [cell for cell in grid if cell.clip != 5] == [Cell(0.02, 2000, 1.0), Cell(0.02, 2000, 0.0)]


def test_of_equal_cells_the_recipes_is_taken() -> None:
    assert best([(Cell(0.06, 2000, 5.0), 0.3), (OWN, 0.3), (Cell(0.06, 1000, 5.0), 0.2)], OWN) == OWN
    assert best([(Cell(0.06, 2000, 5.0), 0.31), (OWN, 0.3)], OWN) == Cell(0.06, 2000, 5.0)


@pytest.mark.parametrize("absent", [None, -1.0])
def test_held_out_images_count_as_the_validation_set_would(absent: float | None) -> None:
    row = Row("glyphs-lt", "ce_0", "plain", "held_out", "ce", 0.02, 2000, 5.0, 0, 0.7, 0.1, 0.4, 0.8, "1", "2")
    classes = {"r": 60, "c": 50, "f": 40}
    assert as_on_val(row, classes) == pytest.approx((60 * 0.1 + 50 * 0.4 + 40 * 0.8) / 150)
    assert as_on_val(replace(row, APr=absent), classes) == pytest.approx((50 * 0.4 + 40 * 0.8) / 90)
    assert as_on_val(row, {"c": 50, "f": 50}) == pytest.approx(0.6)
    assert as_on_val(replace(row, APr=None, APc=None, APf=None), classes) is None


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("rate,steps\n1,2\n")
    with pytest.raises(UserError, match=r"table\.csv is no table of the grid"):
        read_rows(tmp_path / "table.csv")
