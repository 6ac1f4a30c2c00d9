from __future__ import annotations

import numpy as np
import pytest

from lt_bench.evaluation.ap import crosscheck, lvis_backend, vernier_backend
from lt_bench.evaluation.ap.average_precision import evaluate
from lt_bench.evaluation.ap.crosscheck import disagreement
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.terms import IouType


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_another_array_is_noticed_and_lvis_api_evaluates(made_set, write, monkeypatch, iou_type: IouType) -> None:
    truth, rows = made_set(0)
    paths = write("truth.json", truth), write("rows.json", rows)
    right, expected = evaluate(*paths, iou_type), evaluate(*paths, iou_type, "lvis")
    assert (right.evaluator, expected.evaluator) == ("vernier", "lvis")
    sound = vernier_backend.precision_recall

    def wrong(*arguments):
        precision, recall = sound(*arguments)
        precision[3, 7, 1, 0] = np.nextafter(precision[3, 7, 1, 0], 2)
        return precision, recall

    monkeypatch.setattr(vernier_backend, "precision_recall", wrong)
    with pytest.warns(UserWarning, match=rf"differ in 1 numbers of the {iou_type} arrays of 12 images; by those"):
        result = evaluate(*paths, iou_type)
    assert result.evaluator == "lvis"
    np.testing.assert_array_equal(result.precision, expected.precision)
    assert result.metrics == expected.metrics == right.metrics


def test_a_difference_in_recall_is_noticed(made_set, write, monkeypatch) -> None:
    truth, rows = made_set(1)
    loaded = load_ground_truth(write("truth.json", truth))
    detections = read_detections(write("rows.json", rows), loaded, masks=False)
    assert disagreement(loaded, detections, "bbox") is None
    sound = vernier_backend.precision_recall
    monkeypatch.setattr(vernier_backend, "precision_recall", lambda *given: (sound(*given)[0], sound(*given)[1] * 0))
    assert "differ in" in (disagreement(loaded, detections, "bbox") or "")


def test_the_sample_is_bounded_and_an_evaluation_with_nothing_passes(made_set, write, monkeypatch) -> None:
    truth, rows = made_set(2, "many")
    loaded = load_ground_truth(write("truth.json", truth))
    detections = read_detections(write("rows.json", rows), loaded, masks=False)
    seen = []
    sound = lvis_backend.precision_recall
    monkeypatch.setattr(lvis_backend, "precision_recall", lambda *given: seen.append(given[1]) or sound(*given))  # type: ignore[func-returns-value]
    for images, pairs in ((12, 10**9), (3, 10**9), (12, 10_000), (12, 10)):
        monkeypatch.setattr(crosscheck, "IMAGES", images)
        monkeypatch.setattr(crosscheck, "PAIRS", pairs)
        assert disagreement(loaded, detections, "bbox") is None
    counts = [len(np.unique(given.image)) for given in seen]
    assert counts[:2] == [12, 3] and 1 <= counts[2] < 12 and len(counts) == 3
    assert disagreement(loaded, detections.take(np.array([], dtype=np.int64)), "bbox") is None
