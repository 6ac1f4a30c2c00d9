"""The verb `eval`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import forked, lt_bench
from experiments import write_annotations


def test_eval_needs_annotations(tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.json"
    predictions.write_text("[]", encoding="utf-8")
    done = lt_bench("eval", str(predictions))
    assert done.returncode == 2
    assert "--annotations" in done.stderr


@pytest.mark.parametrize("evaluator", ["vernier", "lvis"])
def test_eval_works_from_predictions_alone(tmp_path: Path, evaluator: str) -> None:
    """A perfect detection of one of the two objects of one class: AP is the share of recall points that it reaches."""
    paths = write_annotations(tmp_path / "annotations")
    truth = json.loads(paths.val.read_text(encoding="utf-8"))["annotations"][0]
    detection = {key: truth[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9}
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps([detection]), encoding="utf-8")
    done = forked("eval", str(predictions), "--annotations", str(paths.val), "--box-only", "--evaluator", evaluator)
    assert done.returncode == 0, done.stderr
    assert f"{100 * 51 / 101:.2f}" in done.stdout  # recall 0.00, 0.01, ..., 0.50 of 101 points
