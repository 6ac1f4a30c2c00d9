"""Which box a mask is of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from openimages_form import MASK_HEADER

from lt_bench.data.convert.openimages.mask_rows import MaskRows
from lt_bench.errors import UserError

PLACES = {"/m/0k4j": 0, "/m/0jbk": 1}


def rows(tmp_path: Path, *lines: str) -> MaskRows:
    path = tmp_path / "masks.csv"
    path.write_text("\n".join([MASK_HEADER, *lines]) + "\n", encoding="utf-8")
    return MaskRows(path, PLACES, Counter())


def test_the_nearest_that_is_not_taken(tmp_path: Path) -> None:
    masks = rows(
        tmp_path,
        "b.png,b,/m/0k4j,02,0.022673,0.964201,0.071038,0.800547,0.9,",
        "a.png,a,/m/0k4j,01,0.022673,0.964201,0.071038,0.800547,0.9,",
        "c.png,b,/m/0k4j,03,0.022733,0.964201,0.071038,0.800547,0.9,",
        "d.png,b,/m/0jbk,04,0.5,0.6,0.7,0.8,0.9,",
        "e.png,b,/m/0other,05,0.5,0.6,0.7,0.8,0.9,",
    )
    box = (0.022673031, 0.07103825, 0.9642005, 0.80054647)
    taken = bytearray(len(masks))
    found = [masks.find("b", 0, box, taken) for _ in range(3)]
    assert [None if row is None else masks.named(row) for row in found] == [("b.png", "02"), ("c.png", "03"), None]
    assert masks.find("b", 0, (0.02, *box[1:]), bytearray(len(masks))) is None
    assert masks.find("nowhere", 0, box, taken) is None
    left = [(image, place, masks.named(row)[0], box) for row, image, place, box in masks.untaken(taken)]
    assert left == [
        ("b", 1, "d.png", (0.5, 0.7, 0.6, 0.8)),
        ("a", 0, "a.png", (0.022673, 0.071038, 0.964201, 0.800547)),
    ]
    assert list(masks.images) == ["b", "a"] and list(masks.shown()) == [(0, 0), (0, 1), (1, 0)]


def test_damaged_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"masks\.csv, line 2: BoxYMax is 'x', which is no number"):
        rows(tmp_path, "b.png,b,/m/0k4j,02,0.1,0.2,0.3,x,0.9,")
