"""Where no file stands in for mmcv's operators, lt_bench does."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from operator_cases import python

from lt_bench.operators.finder import STAND_IN


@pytest.mark.slow
def test_without_a_file_lt_bench_stands_in_before_it_imports_mmdet(tmp_path: Path) -> None:
    """As after an editable installation: nothing was written into mmcv's folder."""
    real = Path(importlib.import_module("mmcv").__file__).parent  # type: ignore[arg-type]
    (tmp_path / "mmcv").mkdir()
    for entry in real.iterdir():
        if not entry.name.startswith("_ext") and entry.name != "__pycache__":
            (tmp_path / "mmcv" / entry.name).symlink_to(entry)
    code = "import lt_bench.detector, mmcv._ext as found; print(found.__file__)"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(STAND_IN)
    alone = python("import mmdet.models", tmp_path)
    assert "No module named 'mmcv._ext'" in alone.stderr
