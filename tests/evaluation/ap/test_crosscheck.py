from __future__ import annotations

import numpy as np
import pytest

from lt_bench.evaluation.ap import crosscheck, lvis_backend, vernier_backend
from lt_bench.evaluation.ap.average_precision import evaluate
from lt_bench.evaluation.ap.crosscheck import disagreement, only
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


def test_a_part_holds_its_images_and_the_categories_of_their_objects(made_set, write) -> None:
    content, _ = made_set(3, "contradictions", "no area")
    ids = sorted(image["id"] for image in content["images"])
    part = only(load_ground_truth(write("truth.json", content)), np.array([1, 3]))
    content["images"] = [image for image in content["images"] if image["id"] in (ids[1], ids[3])]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] in (ids[1], ids[3])]
    spoken_of = {row["category_id"] for row in content["annotations"] if row["area"] > 0}
    content["categories"] = [category for category in content["categories"] if category["id"] in spoken_of]
    content["annotations"] = [row for row in content["annotations"] if row["category_id"] in spoken_of]
    whole = load_ground_truth(write("part.json", content))
    assert part.category_ids == whole.category_ids and part.frequency == whole.frequency
    for name in ("image_ids", "image_size", "positive", "annotated", "not_exhaustive"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))
    for name in ("image", "category", "box", "area", "ignored"):
        np.testing.assert_array_equal(getattr(part.objects, name), getattr(whole.objects, name))
    assert part.file.images.raw_at(part.image_row) == whole.file.images.raw_at(whole.image_row)
