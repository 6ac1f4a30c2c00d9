"""What `import mmcv._ext` finds."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from operator_cases import python


def test_what_mmcv_compiled_goes_first(mmcv: Path) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    (mmcv / f"_ext{suffix}").write_bytes(b"no library")
    done = python("import mmcv._ext", mmcv.parent)
    assert done.returncode == 1
    assert f"_ext{suffix}" in done.stderr  # it was tried, and is no library


@pytest.mark.slow
def test_mmdet_can_be_imported_before_lt_bench(tmp_path: Path) -> None:
    done = python("import mmdet.models, mmcv._ext; print(mmcv._ext.__file__)", tmp_path)
    assert done.returncode == 0, done.stderr
