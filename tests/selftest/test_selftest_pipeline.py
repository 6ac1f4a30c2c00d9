"""Evaluators that disagree, and a run that resumes in the wrong place, are found out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lt_bench.evaluation.ap import average_precision
from lt_bench.run.folder import RunFolder
from lt_bench.run.manifest import TrainingSummary
from lt_bench.selftest import pipeline
from lt_bench.selftest.result import CheckContext
from lt_bench.testing.result import Wrong


@pytest.fixture
def context(tmp_path: Path) -> CheckContext:
    return CheckContext(torch.device("cpu"), tmp_path)


def test_one_value_that_the_evaluators_disagree_on(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    right = average_precision.precision_recall

    def wrong(truth: Any, detections: Any, kind: Any, evaluator: str) -> Any:
        precision, recall = right(truth, detections, kind, evaluator)  # type: ignore[arg-type]
        if (kind, evaluator) == ("segm", "vernier"):
            precision = precision.copy()
            precision.flat[0] += 0.5
        return precision, recall

    monkeypatch.setattr(average_precision, "precision_recall", wrong)
    with pytest.raises(Wrong, match="mask: 1 values of precision are not lvis-api's"):
        pipeline.evaluators(context)


@pytest.mark.parametrize(
    ("said", "iterations", "score", "wrong"),
    [
        ("continuing after iter_1.pth", 2, 0.5, None),
        ("training from the start", 2, 0.5, "does not go on after its checkpoint"),
        ("continuing after iter_1.pth", 4, 0.5, "ends after 4 iterations of 2"),
        ("continuing after iter_1.pth", 2, 0.6, "predicts other detections"),
    ],
)
def test_a_run_must_resume_after_its_checkpoint_and_predict_the_same(
    said: str, iterations: int, score: float, wrong: str | None, context: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = RunFolder(context.folder / "work")
    summary = TrainingSummary(
        training_seconds=1.0,
        peak_memory_bytes=1,
        iterations=iterations,
        epochs=1,
        device="a processor",
        device_kind="cpu",
        device_count=1,
    )

    def run(context: CheckContext, verb: str, *arguments: str) -> str:
        folder = RunFolder(work.path / "eval" if verb == "eval" else work.path)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.predictions.write_text(json.dumps([{"score": score if verb == "eval" else 0.5}]))
        for path in (work.result, work.path / "iter_2.pth"):
            path.touch()
        work.write_summary(summary)
        return said if "--resume" in arguments else ""

    monkeypatch.setattr(pipeline, "lt_bench", run)
    if wrong is None:
        assert "predicts the run's 1 detections" in pipeline.run_and_resume(context).detail
    else:
        with pytest.raises(Wrong, match=wrong):
            pipeline.run_and_resume(context)


@pytest.mark.slow
@pytest.mark.extra
def test_a_real_run_resumes_and_its_checkpoint_predicts_the_same(context: CheckContext) -> None:
    assert "resumed after iteration 1 of 2" in pipeline.run_and_resume(context).detail
