from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.evidence.__main__ import main


@pytest.mark.extra
def test_it_measures_size_and_time(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ("--images", "2", "--repeats", "1", "--out", str(tmp_path)))
    assert done.exit_code == 0, done.output
    (result,) = json.loads((tmp_path / "evidence.json").read_text())["results"]
    (sample,) = result["samples"]
    assert result["detections"] == 600 > sample["counted"] > 100
    assert all(sample[f"{name}_seconds"] > 0 for name in ("with", "without", "write", "read", "ap"))
    assert f"| {sample['bytes'] / sample['counted']:>12.1f} |" in (tmp_path / "evidence.md").read_text()
