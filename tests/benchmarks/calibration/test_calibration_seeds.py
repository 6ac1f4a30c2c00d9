from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.calibration import seeds, seeds_page


def test_the_page_is_made_from_the_committed_numbers() -> None:
    data = json.loads(seeds.JSON.read_text(encoding="utf-8"))
    assert seeds.PAGE.read_text(encoding="utf-8") == seeds_page.page(data)


@pytest.mark.extra
def test_it_simulates_and_writes_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "JSON", tmp_path / "numbers.json")
    monkeypatch.setattr(seeds, "PAGE", tmp_path / "page.md")
    done = CliRunner().invoke(seeds.main, ["--repetitions", "4"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.md").read_text()
    assert "4 repetitions" in page and "## Power" in page
    (tmp_path / "page.md").unlink()
    assert CliRunner().invoke(seeds.main, ["--from", str(tmp_path / "numbers.json")]).exit_code == 0
    assert (tmp_path / "page.md").read_text() == page
