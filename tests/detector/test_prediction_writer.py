"""Predictions reach the disk in COCO's result form, once per image."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask as mask_api

from lt_bench.detector import prediction_writer
from lt_bench.detector.prediction_writer import PredictionWriter, detections_of
from lt_bench.errors import RunFailedError
from lt_bench.evaluation.inputs.predictions import write_predictions

CATEGORY_IDS = (3, 7, 8)


def sample(image_id: int, labels: list[int]) -> dict[str, Any]:
    masks = torch.zeros(len(labels), 6, 8, dtype=torch.bool)
    masks[:, 1:3, 2:7] = True
    return {
        "img_id": image_id,
        "pred_instances": {
            "bboxes": torch.tensor([[2.0, 1.0, 7.0, 3.0]]).repeat(len(labels), 1),
            "scores": torch.linspace(0.9, 0.1, len(labels)),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "masks": masks,
        },
    }


def writer(folder: Path) -> PredictionWriter:
    metric = PredictionWriter(folder=str(folder))
    metric.dataset_meta = {"category_ids": CATEGORY_IDS}
    return metric


def test_written_as_coco_results(tmp_path: Path) -> None:
    metric = writer(tmp_path)
    metric.process(None, [sample(5, [2, 0]), sample(6, [])])
    metric.process(None, [sample(7, [1])])
    assert metric.evaluate(3) == {"predictions/detections": 3.0, "predictions/images": 3.0}
    found = json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))
    assert [(entry["image_id"], entry["category_id"]) for entry in found] == [(5, 8), (5, 3), (7, 7)]
    assert found[0]["bbox"] == [2.0, 1.0, 5.0, 2.0]
    assert found[0]["score"] == pytest.approx(0.9)
    mask = mask_api.decode(found[0]["segmentation"])
    expected = np.zeros((6, 8), dtype=np.uint8)
    expected[1:3, 2:7] = 1
    assert np.array_equal(mask, expected)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.json"]


def test_repeated_images_count_once(tmp_path: Path) -> None:
    """The distributed sampler repeats images so that all ranks get equally many."""
    metric = writer(tmp_path)
    metric.process(None, [sample(5, [2]), sample(6, [1])])
    metric.process(None, [sample(5, [2])])
    assert metric.evaluate(2)["predictions/detections"] == 2.0


def test_parts_of_several_ranks_are_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [[sample(5, [2, 0]), sample(6, []), sample(9, [1])], [sample(7, [1, 1]), sample(5, [2, 0])]]
    for rank in (1, 0):
        ranks = SimpleNamespace(
            is_initialized=lambda: True, get_rank=lambda rank=rank: rank, get_world_size=lambda: 2, barrier=lambda: None
        )
        monkeypatch.setattr(prediction_writer, "dist", ranks)
        metric = writer(tmp_path)
        for one in samples[rank]:
            metric.process(None, [one])
        counts = metric.evaluate(4)
    assert counts == {"predictions/detections": 5.0, "predictions/images": 4.0}
    once = (*samples[0], samples[1][0])
    write_predictions(tmp_path / "once.json", (row for one in once for row in detections_of(one, CATEGORY_IDS)))
    assert (tmp_path / "predictions.json").read_bytes() == (tmp_path / "once.json").read_bytes()


def test_no_detection_at_all_is_an_empty_list(tmp_path: Path) -> None:
    metric = writer(tmp_path)
    metric.process(None, [sample(5, [])])
    metric.evaluate(1)
    assert json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8")) == []


def test_a_new_prediction_replaces_the_old_whole(tmp_path: Path) -> None:
    for labels in ([0, 1, 2], [1]):
        metric = writer(tmp_path)
        metric.process(None, [sample(5, labels)])
        metric.evaluate(1)
    assert len(json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))) == 1


def test_a_lost_part_is_noticed(tmp_path: Path) -> None:
    metric = writer(tmp_path)
    metric.process(None, [sample(5, [0])])
    with pytest.raises(RunFailedError, match="1 of 2 images are missing"):
        metric.evaluate(2)
    assert not (tmp_path / "predictions.json").exists()


@pytest.mark.parametrize("where", ["detections", "header"])
def test_a_part_that_ends_early_is_noticed(tmp_path: Path, where: str) -> None:
    metric = writer(tmp_path)
    metric.process(None, [sample(5, [0])])
    metric._part.flush()
    (part,) = tmp_path.iterdir()
    first = part.stat().st_size
    metric.process(None, [sample(6, [1])])
    metric._part.close()
    os.truncate(part, part.stat().st_size - 1 if where == "detections" else first + 3)
    with pytest.raises(RunFailedError, match="1 of 2 images are missing"):
        metric.evaluate(2)
    assert not (tmp_path / "predictions.json").exists()


def test_not_a_number_stops_the_run(tmp_path: Path) -> None:
    broken = sample(5, [0, 1])
    broken["pred_instances"]["scores"][1] = float("nan")
    with pytest.raises(RunFailedError, match=r"'image_id': 5, .*nan"):
        writer(tmp_path).process(None, [broken])
