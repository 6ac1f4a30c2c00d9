"""lvis-api and lt_bench on the same synthetic files, in processes of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation.lvis_ap import compare_evaluators, evaluate, same_precision
from benchmarks.evaluation.synthetic_val import write_val
from lt_bench.errors import RunFailedError


@pytest.mark.extra
def test_a_difference_between_the_arrays_is_found(tmp_path: Path) -> None:
    annotations, predictions = tmp_path / "val.json", tmp_path / "predictions.json"
    write_val(annotations, predictions, 2)
    assert compare_evaluators(annotations, predictions, 1)["equal"] == {"bbox": True, "segm": True}
    arrays = dict(np.load(tmp_path / "stock.npz"))
    counted = arrays["segm"][arrays["segm"] > -1]
    assert 0 < counted.mean() < 1
    arrays["segm"][0, 0, 0, 0] = 0.5
    np.savez(tmp_path / "stock.npz", **arrays)
    assert same_precision(predictions) == {"bbox": True, "segm": False}


def test_a_failed_evaluation_is_shown(tmp_path: Path) -> None:
    (tmp_path / "val.json").write_text("{}")
    with pytest.raises(RunFailedError, match=r"lvis_ap stock failed:\n(?s:.*)KeyError"):
        evaluate("stock", tmp_path / "val.json", tmp_path / "predictions.json")
