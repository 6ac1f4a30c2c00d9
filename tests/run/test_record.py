"""What a record says of hyper-parameters that are no plain numbers, and of who evaluated."""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiments import write_annotations

from lt_bench.data.dataset import Dataset, verify
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.evaluation.ap.average_precision import APResult
from lt_bench.evaluation.metrics import Measured
from lt_bench.evaluation.metrics.metric import Measurement
from lt_bench.leaderboard.schema import Loss
from lt_bench.run.folder import RunFolder
from lt_bench.run.record import _evaluators, _plain, make_record


@pytest.mark.parametrize(
    "value", [True, 3, 2.5, "text", None, [1, 2], (0.1,), {"a": 1}, math.inf, math.nan, "x" * 5000]
)
def test_no_hyper_parameter_spoils_a_record(value: object) -> None:
    loss = Loss.model_validate(
        {"name": "x", "hyper_parameters": {"p": _plain(value)}, "distribution": "d", "distribution_version": "1"}
    )
    held = loss.hyper_parameters["p"]
    assert held == value if isinstance(value, bool | int | float) and math.isfinite(value) else isinstance(held, str)


def test_annotations_that_changed_during_the_run_are_not_measured_on(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
    paths.val.write_bytes(paths.val.read_bytes() + b"\n")
    with pytest.raises(UserError, match="was changed while this run went on"):
        make_record(RunFolder(Path(__file__).parent / "before"), dataset, "vernier")


def test_a_check_is_no_failure_where_the_cache_cant_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_annotations(tmp_path)
    monkeypatch.setenv("LT_BENCH_CACHE", str(paths.train))  # a file
    monkeypatch.setattr("lt_bench.data.verify.check", lambda *arguments, **options: [])
    verify(Dataset(paths, load(paths.train), load(paths.val)), ())


def test_the_record_says_who_evaluated() -> None:
    def result(evaluator: Any) -> APResult:
        return APResult({}, {}, np.empty(0), evaluator)

    vernier, lvis = f"vernier {version('vernier')}", f"lvis {version('lvis')}"
    as_asked = Measured({"ap": Measurement({}, {"bbox": result("vernier"), "segm": result("vernier")})})
    assert _evaluators("vernier", as_asked) == vernier
    fallen_back = Measured(
        {
            "ap": Measurement({}, {"bbox": result("lvis"), "segm": result("vernier")}),
            "ap_fixed": Measurement({}, {"segm_fixed": result("lvis")}),
        }
    )
    assert _evaluators("vernier", fallen_back) == f"{vernier}; bbox, segm_fixed by {lvis}"
