from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.study.grid import Cell, best, cells
from benchmarks.study.rows import read_rows
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


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("rate,steps\n1,2\n")
    with pytest.raises(UserError, match=r"table\.csv is no table of the grid"):
        read_rows(tmp_path / "table.csv")
