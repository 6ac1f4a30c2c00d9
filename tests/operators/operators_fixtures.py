"""Fixtures for the tests of operators."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lt_bench.operators.finder import STAND_IN


@pytest.fixture
def mmcv(tmp_path: Path) -> Path:
    """A package of mmcv's name with the stand-in and nothing else."""
    folder = tmp_path / "mmcv"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    shutil.copyfile(STAND_IN, folder / "_ext.py")
    return folder
