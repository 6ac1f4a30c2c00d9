"""What a record says of hyper-parameters that are no plain numbers."""

from __future__ import annotations

import math

import pytest

from lt_bench.leaderboard.records import Loss
from lt_bench.record import _plain


@pytest.mark.parametrize(
    "value", [True, 3, 2.5, "text", None, [1, 2], (0.1,), {"a": 1}, math.inf, math.nan, "x" * 5000]
)
def test_no_hyper_parameter_spoils_a_record(value: object) -> None:
    loss = Loss.model_validate(
        {"name": "x", "hyper_parameters": {"p": _plain(value)}, "distribution": "d", "distribution_version": "1"}
    )
    held = loss.hyper_parameters["p"]
    assert held == value if isinstance(value, bool | int | float) and math.isfinite(value) else isinstance(held, str)
