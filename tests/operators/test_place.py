"""mmcv's folder and version, without an import of mmcv."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lt_bench.operators.place import mmcv_folder, mmcv_version


@pytest.fixture(autouse=True)
def _nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but what a test puts into its folder."""
    monkeypatch.delitem(sys.modules, "mmcv", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])


def test_the_folder_is_found_and_nothing_in_it_run(mmcv: Path) -> None:
    (mmcv / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    assert mmcv_folder() == mmcv
    assert "mmcv" not in sys.modules


def test_without_mmcv_there_is_no_folder() -> None:
    with pytest.raises(ImportError, match="mmcv is not installed"):
        mmcv_folder()


def test_the_version_is_that_of_the_distribution(mmcv: Path) -> None:
    assert mmcv_version() == "unknown"
    info = mmcv.parent / "onedl_mmcv-9.8.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onedl-mmcv\nVersion: 9.8.7\n", encoding="utf-8")
    assert mmcv_version() == "9.8.7"
