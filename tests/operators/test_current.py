"""Which operators run, by name."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest

from lt_bench.operators import Operators, in_use


def test_operators_are_named_as_records_show_them() -> None:
    assert str(Operators("torchvision", "0.28.0", "13.0", False, False, "")) == "torchvision 0.28.0"
    assert str(Operators("compiled", "2.3.6", None, True, True, "")) == "compiled from mmcv 2.3.6"


def test_only_mmcvs_own_roi_align_needs_contiguous_features() -> None:
    found = {name: Operators(name, "1", None, True, True, "").reads_channels_last for name in ("compiled", "mmcv")}
    assert found == {"compiled": True, "mmcv": False}


def test_a_choice_against_a_compiled_mmcv_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    own = SimpleNamespace(get_compiling_cuda_version=lambda: "not available")
    monkeypatch.setattr(importlib, "import_module", lambda name: own)
    monkeypatch.setenv("LT_BENCH_OPERATORS", "")
    assert in_use().source == "mmcv"
    monkeypatch.setenv("LT_BENCH_OPERATORS", "torchvision")
    with pytest.raises(ImportError, match="LT_BENCH_OPERATORS=torchvision, but mmcv is compiled as a whole"):
        in_use()
