"""An annotation file that is written or replaced while it is in use."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_annotation_index import annotated
from test_lvis import write

from lt_bench.data.lvis import load
from lt_bench.errors import UserError


def test_a_file_written_while_in_use_is_not_read_on(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", annotated(5))
    file = load(path)
    with path.open("a") as stream:
        stream.write(" ")
    with pytest.raises(UserError, match="changed while it was in use"):
        file.annotations[0]


def test_a_file_replaced_while_in_use_is_still_the_old_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", annotated(5))
    file = load(path)
    write(tmp_path / "b.json", annotated(2)).replace(path)
    assert list(file.annotations) == annotated(5)["annotations"]
