"""With the detector's own classifier, boxes and masks are those that the detector predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_fixtures import finished, stored
from pycocotools import mask as mask_api

from lt_bench.detector.prediction_writer import detections_of
from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.predictions import encode, write_encoded
from lt_bench.evaluation.metrics import measure
from lt_bench.features.images import test_images as images_of_test
from lt_bench.features.manifest import HELD_OUT
from lt_bench.features.model import build, read_weights
from lt_bench.features.source import of_run
from lt_bench.features.store import FeatureSet
from lt_bench.leaderboard.verify import verify
from lt_bench.probe import one
from lt_bench.probe.masks import Masks, detector_of
from lt_bench.probe.one import run_probe
from lt_bench.probe.plan import Planner
from lt_bench.probe.predict import predict
from lt_bench.probe.settings import Settings
from lt_bench.run.folder import RunFolder

__all__ = ["finished", "stored"]
CLASSIFIER = "roi_head.bbox_head.fc_cls."


def predicted_by_the_detector(run: Path, path: Path, ids: list[int]) -> None:
    """What `run` writes after its training."""
    source = of_run(run)
    model: Any = build(source.cfg, source.checkpoint, any_classifier=False)
    found = []
    for _, data in images_of_test(source.cfg).batches(0):
        with torch.inference_mode():
            found += [encode(detections_of(sample.to_dict(), ids)) for sample in model.test_step(data)]
    write_encoded(path, iter(found))


def test_masks_are_those_of_the_detector(
    finished: Path, stored: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = read_weights(finished / "iter_2.pth")
    train = one._train

    def as_it_was(*arguments: Any) -> Any:
        head, training = train(*arguments)
        head.fc_cls.load_state_dict(
            {key.removeprefix(CLASSIFIER): value for key, value in weights.items() if key.startswith(CLASSIFIER)}
        )
        return head, training

    monkeypatch.setattr(one, "_train", as_it_was)
    run = Planner(stored, Settings(steps=1, masks=finished)).run("ce", {}, 0, tmp_path)
    record = run_probe(run)
    ours, theirs = RunFolder(run.folder).predictions, tmp_path / "theirs.json"
    predicted_by_the_detector(finished, theirs, [category.id for category in stored.manifest.categories])
    pairs = list(zip(json.loads(ours.read_text()), json.loads(theirs.read_text()), strict=True))
    assert len(pairs) > 100
    for found, expected in pairs:
        assert (found["image_id"], found["category_id"]) == (expected["image_id"], expected["category_id"])
        assert found["score"] == pytest.approx(expected["score"], rel=1e-4)
        assert found["bbox"] == pytest.approx(expected["bbox"], abs=1e-3)
        a, b = (mask_api.decode(detection["segmentation"]) for detection in (found, expected))
        assert (a != b).mean() < 0.001
    assert np.mean([len(found["segmentation"]["counts"]) for found, _ in pairs]) > 8  # there are masks
    measured = measure(run.annotations, theirs)
    for kind, metrics in measured.blocks()["metrics"].items():
        assert getattr(record.metrics, kind).model_dump() == pytest.approx(metrics, abs=1e-4)
    assert record.metrics.segm is not None and "--masks" in record.overrides
    found = verify(RunFolder(run.folder).result)
    assert found.status == "verified" and found.problems == ()


def test_a_track_with_masks_is_another(finished: Path, stored: FeatureSet, tmp_path: Path) -> None:
    with_masks, without = (
        Planner(stored, Settings(steps=1, masks=masks)).run("ce", {}, 0, tmp_path) for masks in (finished, None)
    )
    assert with_masks.folder != without.folder
    assert "masks" not in without.config["probe"]["test"]


def test_held_out_images_have_masks_too(finished: Path, stored: FeatureSet) -> None:
    masks, split = Masks(finished, stored, HELD_OUT, torch.device("cpu")), stored.split(HELD_OUT)
    model: Any = build(of_run(finished).cfg, finished / "iter_2.pth", any_classifier=False)
    ids = [category.id for category in stored.manifest.categories]
    images = list(predict(model.roi_head.bbox_head, split, stored.manifest.head.rcnn, ids, masks=masks))
    assert len(images) == len(split) and all(b"segmentation" in image for image in images)


def test_another_detector_is_refused(finished: Path, stored: FeatureSet, tmp_path: Path) -> None:
    other = stored.manifest.model_copy(update={"checkpoint_sha256": "0" * 64})
    with pytest.raises(UserError, match="another checkpoint"):
        detector_of(finished, other)
    with pytest.raises(UserError, match="there is no such run"):
        Planner(stored, Settings(masks=tmp_path / "nowhere"))
