"""Both evaluators' arrays, and those from their evidence, are equal, bit for bit, on whatever can be drawn."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_sets import QUIRKS, odd_set

from lt_bench.evaluation.ap.average_precision import precision_recall
from lt_bench.evaluation.evidence.collect import assemble
from lt_bench.evaluation.evidence.file import read_evidence, write_evidence
from lt_bench.evaluation.evidence.outcomes import unseen
from lt_bench.evaluation.evidence.precision import precision_recall as from_evidence
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.inputs.predictions import write_predictions


class Numpy:
    float = float

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def by_lvis_api(annotations: Path, rows: list[dict[str, Any]], iou_type: str, max_dets: int) -> Any:
    """lvis-api on the rows as they are, but for what `iou_type` is not about: its own cut, its own filters."""
    import lvis
    import lvis.eval

    other = "segmentation" if iou_type == "bbox" else "bbox"
    own = [{key: value for key, value in row.items() if key != other} for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lvis.eval, "np", Numpy())
        truth = lvis.LVIS(str(annotations))
        evaluation = lvis.LVISEval(truth, lvis.LVISResults(truth, own, max_dets=max_dets), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


@settings(max_examples=max(25, settings().max_examples // 4))
@given(
    seed=st.integers(0, 2**32 - 1),
    quirks=st.sets(st.sampled_from(QUIRKS), max_size=4),
    max_dets=st.sampled_from([1, 3, 10, 300]),
)
def test_both_evaluators_and_their_evidence_give_the_same_arrays(seed: int, quirks: set[str], max_dets: int) -> None:
    truth, rows = odd_set(np.random.default_rng(seed), quirks)
    if not rows:
        return
    with tempfile.TemporaryDirectory() as folder:
        annotations, predictions = Path(folder) / "truth.json", Path(folder) / "predictions.json"
        annotations.write_text(json.dumps(truth))
        write_predictions(predictions, rows)
        loaded = load_ground_truth(annotations)
        detections = read_detections(predictions, loaded, masks=True)
        detections = detections.take(detections.image_rank < max_dets)
        for iou_type in ("bbox", "segm"):
            expected = by_lvis_api(annotations, rows, iou_type, max_dets)
            for evaluator in ("vernier", "lvis"):
                outcomes = unseen(len(detections))
                found = precision_recall(loaded, detections, iou_type, evaluator, outcomes)  # type: ignore[arg-type]
                evidence = assemble(loaded, detections, {iou_type: outcomes}, {}, "0" * 64)  # type: ignore[dict-item]
                write_evidence(evidence, Path(folder) / "evidence.parquet")
                kept = from_evidence(read_evidence(Path(folder) / "evidence.parquet"), iou_type)  # type: ignore[arg-type]
                for arrays, name in ((found, evaluator), (kept, f"evidence of {evaluator}")):
                    for left, right in zip(arrays, expected, strict=True):
                        np.testing.assert_array_equal(left, right, err_msg=f"{iou_type} by {name}")
