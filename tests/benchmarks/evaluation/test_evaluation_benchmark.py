from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.evaluation.__main__ import main


@pytest.mark.extra
def test_it_measures_and_finds_both_evaluators_equal(tmp_path: Path) -> None:
    options = ("--images", "3,2", "--peer", "2", "--repeats", "1", "--out", str(tmp_path))
    done = CliRunner().invoke(main, options)
    assert done.exit_code == 0, done.output
    data = json.loads((tmp_path / "evaluation.json").read_text())
    assert [result["images"] for result in data["results"]] == [2, 3]
    assert data["beside"]["equal"]
    for side in ("lvis", "vernier"):
        (sample,) = data["beside"][side]["samples"]
        assert sample["seconds"] > 0 and sample["cpu_seconds"] > 0 and sample["peak_bytes"] > 50_000_000
    page = (tmp_path / "evaluation.md").read_text()
    assert "| lt_bench" in page and "equal, bit for bit" in page
