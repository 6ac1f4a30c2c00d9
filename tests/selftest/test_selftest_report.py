"""The report has failing rows first, a summary, and every number."""

from __future__ import annotations

import json
from pathlib import Path

from lt_bench.selftest import report
from lt_bench.selftest.result import Row

ABOUT = {
    "device": "A GPU",
    "cuda": "13.0",
    "operators": "torchvision 0.26.0",
    "versions": {"python": "3.12.3", "torch": "2.11.0"},
}
ROWS = [
    Row("a", "first", "passed", "all | well", 61.0, {"x": 1}),
    Row("a", "second", "failed", "not well", 2.0),
    Row("b", "third", "skipped", "no GPU", 0.0),
]


def test_the_table_has_failing_rows_first_and_a_summary() -> None:
    lines = report.terminal(ABOUT, ROWS).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["second", "first", "third"]
    assert lines[-1] == (
        "selftest on A GPU: 1 failed, 1 passed, 1 skipped in 1:03; torch 2.11.0, CUDA 13.0, "
        "operators: torchvision 0.26.0"
    )


def test_markdown_and_json(tmp_path: Path) -> None:
    report.write(ABOUT, ROWS, tmp_path / "r.json", tmp_path / "r.md")
    page = (tmp_path / "r.md").read_text()
    assert "| first   | passed    | 61.0 | all \\| well |" in page
    assert "python 3.12.3, torch 2.11.0" in page
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["device"], found["passed"], found["seconds"]) == ("A GPU", False, 63.0)
    assert found["rows"][1] == {
        "group": "a",
        "check": "first",
        "status": "passed",
        "detail": "all | well",
        "seconds": 61.0,
        "figures": {"x": 1},
    }
