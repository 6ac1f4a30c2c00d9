from __future__ import annotations

import math

import torch

from lt_bench.selftest.stock import apart


def test_what_is_close() -> None:
    def equal(stock: dict[str, float], ours: dict[str, float]) -> bool:
        tensors = ({name: torch.tensor([0.0, value]) for name, value in one.items()} for one in (stock, ours))
        return apart(*tensors)[0] <= 1e-4

    assert equal({"a": 1.0, "b": 10.0}, {"a": 1.0 + 9e-5, "b": 10.0})
    assert not equal({"a": 1.0, "b": 10.0}, {"a": 1.0 + 2e-4, "b": 10.0})
    assert not equal({"a": 1.0}, {"a": math.nan})
    assert not equal({"a": math.nan}, {"a": 1.0})
    assert not equal({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": math.nan})
    assert not equal({"a": 1.0}, {"b": 1.0})
    assert equal({"a": 0.0, "b": 10.0}, {"a": 1e-8, "b": 10.0})  # rounding of what cancels
    assert not equal({"a": 0.0, "b": 10.0}, {"a": 1e-6, "b": 10.0})
