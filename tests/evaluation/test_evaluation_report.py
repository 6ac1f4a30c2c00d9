from __future__ import annotations

from pathlib import Path

from lt_bench.evaluation.report import class_rows, write_per_class


def test_a_class_without_ground_truth_has_an_empty_cell(tmp_path: Path) -> None:
    per_class = {"bbox": {1: 0.5, 2: -1.0}, "segm": {1: 0.0, 2: -1.0}}
    rows = class_rows([{"id": 1, "name": "a, b", "def": "x"}, {"id": 2, "name": "c"}], per_class)
    write_per_class(tmp_path / "c.csv", rows)
    assert (tmp_path / "c.csv").read_text() == 'id,name,bbox,segm\n1,"a, b",0.5,0.0\n2,c,,\n'
