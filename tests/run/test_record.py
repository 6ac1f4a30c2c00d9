"""What a record says of hyper-parameters that are no plain numbers, and of who evaluated."""

from __future__ import annotations

import json
import math
import shutil
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
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
from lt_bench.leaderboard.schema_run import Loss
from lt_bench.leaderboard.store import read, write
from lt_bench.run import pipeline
from lt_bench.run.experiment import Experiment
from lt_bench.run.folder import RunFolder
from lt_bench.run.record import evaluators_used, make_record, plain_value, refuse_altered


@pytest.mark.parametrize(
    "value", [True, 3, 2.5, "text", None, [1, 2], (0.1,), {"a": 1}, math.inf, math.nan, "x" * 5000]
)
def test_no_hyper_parameter_spoils_a_record(value: object) -> None:
    loss = Loss.model_validate(
        {"name": "x", "hyper_parameters": {"p": plain_value(value)}, "distribution": "d", "distribution_version": "1"}
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
    assert evaluators_used("vernier", as_asked) == vernier
    fallen_back = Measured(
        {
            "ap": Measurement({}, {"bbox": result("lvis"), "segm": result("vernier")}),
            "ap_fixed": Measurement({}, {"segm_fixed": result("lvis")}),
        }
    )
    assert evaluators_used("vernier", fallen_back) == f"{vernier}; bbox, segm_fixed by {lvis}"


def test_a_record_changed_by_hand_is_not_sealed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not when there is more to measure, or evidence to make."""
    folder = RunFolder(Path(shutil.copytree(Path(__file__).parent / "before", tmp_path / "work")))
    earlier = read(folder.result)
    monkeypatch.setattr(pipeline, "make_plan", lambda *arguments: SimpleNamespace(manifest=folder.read_manifest()))
    refuse_altered(earlier, folder.result)  # of version 2, which has no seal
    write(earlier.model_copy(update={"schema_version": 3}), folder.result)
    refuse_altered(read(folder.result), folder.result)
    text = folder.result.read_text(encoding="utf-8")
    seconds = f'"training_seconds": {earlier.training_seconds}'
    for altered, field in (
        (
            text.replace(seconds, '"training_seconds": 1.5').replace('"seed": 0,', '"seed": 4,'),
            "seed, training_seconds",
        ),
        (json.dumps(json.loads(text) | {"seal": None}), "seal"),
    ):
        assert altered != text
        folder.result.write_text(altered, encoding="utf-8")
        for metrics in (("ap",), ("ap", "errors")):
            with pytest.raises(UserError, match=f"was changed after the run wrote it: {field}") as caught:
                options = pipeline.RunOptions(folder.path, metrics=metrics)
                pipeline.run(Experiment("seesaw"), None, options)  # type: ignore[arg-type]
            assert "result.json away" in caught.value.remedy
        assert folder.result.read_text(encoding="utf-8") == altered
