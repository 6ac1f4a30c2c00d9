"""Which operators are taken, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from operator_cases import python

from lt_bench.operators import in_use
from lt_bench.operators.choose import load


@pytest.mark.slow
def test_without_any_operators_the_reasons_and_the_remedy_are_named(mmcv: Path) -> None:
    (mmcv.parent / "torchvision.py").write_text("raise RuntimeError('another torch')", encoding="utf-8")
    done = python("import mmcv._ext", mmcv.parent, LT_BENCH_OPERATORS="")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    for part in ("torchvision: RuntimeError: another torch", "compiled: FileNotFoundError", "lt_bench doctor"):
        assert part in last


@pytest.mark.parametrize(("chosen", "message"), [("mmcv", "installed without its operators"), ("conda", "is one of")])
def test_a_choice_that_is_not_here_is_refused(chosen: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_OPERATORS", chosen)
    with pytest.raises(ImportError, match=message):
        load()


@pytest.mark.slow
def test_a_broken_torchvision_is_hidden_from_those_who_try_it(tmp_path: Path) -> None:
    """mmengine's report of the environment expects it to be whole or absent."""
    if in_use().source != "compiled":
        pytest.skip("needs compiled operators")
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('another torch')", encoding="utf-8")
    code = "import lt_bench.detector; from mmengine.utils.dl_utils import collect_env; print(collect_env()['PyTorch'])"
    done = python(code, tmp_path, LT_BENCH_OPERATORS="")
    assert done.returncode == 0, done.stderr
