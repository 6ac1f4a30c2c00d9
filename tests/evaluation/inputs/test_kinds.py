"""What a predictions file has: told by what any detection has, not by the first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_bench.evaluation.inputs.kinds import kinds_in

BOX, MASK = {"bbox": [1, 2, 3, 4]}, {"segmentation": {"size": [4, 4], "counts": "04"}}
NULLS: dict[str, Any] = {"bbox": None, "segmentation": None}


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ([], None),
        ([BOX, BOX], ("bbox",)),
        ([MASK, NULLS | MASK], ("segm",)),
        ([BOX | MASK], ("bbox", "segm")),
        ([BOX, BOX | MASK], ("bbox", "segm")),
        ([NULLS | BOX, *[BOX] * 5000, BOX | MASK], ("bbox", "segm")),
        ([BOX | MASK, BOX], ("bbox", "segm")),
        ([MASK, BOX], ("bbox", "segm")),
        ([{}, NULLS], ("bbox",)),
    ],
)
def test_kinds(tmp_path: Path, rows: list[dict[str, Any]], kinds: Any) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    assert kinds_in(path) == kinds
