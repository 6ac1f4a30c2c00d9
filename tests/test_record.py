"""What a record says of hyper-parameters that are no plain numbers, and of who evaluated."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest

from lt_bench.evaluation.lvis_ap import APResult
from lt_bench.evaluation.metrics import Measured
from lt_bench.leaderboard.records import Loss
from lt_bench.record import _evaluators, _plain


@pytest.mark.parametrize(
    "value", [True, 3, 2.5, "text", None, [1, 2], (0.1,), {"a": 1}, math.inf, math.nan, "x" * 5000]
)
def test_no_hyper_parameter_spoils_a_record(value: object) -> None:
    loss = Loss.model_validate(
        {"name": "x", "hyper_parameters": {"p": _plain(value)}, "distribution": "d", "distribution_version": "1"}
    )
    held = loss.hyper_parameters["p"]
    assert held == value if isinstance(value, bool | int | float) and math.isfinite(value) else isinstance(held, str)


def test_the_record_says_who_evaluated() -> None:
    def result(evaluator: Any) -> APResult:
        return APResult({}, {}, np.empty(0), evaluator)

    vernier, lvis = f"vernier {version('vernier')}", f"lvis {version('lvis')}"
    as_asked = Measured(ap={"bbox": result("vernier"), "segm": result("vernier")})
    assert _evaluators("vernier", as_asked) == vernier
    fallen_back = Measured(ap={"bbox": result("lvis"), "segm": result("vernier")}, ap_fixed={"segm": result("lvis")})
    assert _evaluators("vernier", fallen_back) == f"{vernier}; bbox, segm_fixed by {lvis}"
