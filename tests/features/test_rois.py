"""What is stored is what the detector's own training and its own test would see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_fixtures import ROIS, SETTINGS, TRAIN_IMAGES, VAL_IMAGES
from made_features import ious
from mmdet.models.layers import multiclass_nms
from numpy.typing import NDArray

from lt_bench.features.images import test_images as images_of_test
from lt_bench.features.images import training_images
from lt_bench.features.model import build
from lt_bench.features.seeding import SAMPLING, seeded
from lt_bench.features.source import of_run
from lt_bench.features.store import FeatureSet, Split


class Seen(Exception):
    """Training has got as far as its classification loss."""


@pytest.fixture(scope="module")
def detector(finished: Path) -> tuple[Any, Any]:
    """Config and model. The RoIs of training are as many as are stored."""
    source = of_run(finished)
    source.cfg.model.train_cfg.rcnn.sampler.num = ROIS
    return source.cfg, build(source.cfg, source.checkpoint, any_classifier=False)


def rows(split: Split, images: range) -> slice:
    return slice(int(split.first[images.start]), int(split.first[images.stop]))


@pytest.mark.parametrize("epoch", range(SETTINGS.epochs))
def test_training_rois_are_those_of_the_detectors_own_training(
    epoch: int, detector: tuple[Any, Any], stored: FeatureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg, model = detector
    split, head, sampler = stored.split(f"train_{epoch}"), model.roi_head.bbox_head, model.roi_head.bbox_sampler
    drawn = 0

    def sample(*arguments: Any, **keywords: Any) -> Any:
        nonlocal drawn
        drawn += 1
        with seeded(SETTINGS.seed, epoch, drawn - 1, SAMPLING):
            return type(sampler).sample(sampler, *arguments, **keywords)

    def look(*arguments: Any, **_: Any) -> None:
        raise Seen(*arguments)

    monkeypatch.setattr(sampler, "sample", sample)
    monkeypatch.setattr(head, "loss", look)
    checked = 0
    for indices, data in training_images(cfg, SETTINGS.seed, epoch).batches(0):
        with torch.no_grad(), pytest.raises(Seen) as seen:
            model(**model.data_preprocessor(data, True), mode="loss")
        scores, deltas, rois, labels = seen.value.args[:4]
        of_batch = rows(split, range(indices[0], indices[-1] + 1))
        features = torch.from_numpy(np.array(split.features[of_batch]))
        np.testing.assert_array_equal(split.labels[of_batch], labels)
        np.testing.assert_array_equal(split.boxes[of_batch], rois[:, 1:])
        torch.testing.assert_close(head.fc_cls(features), scores, rtol=1e-5, atol=1e-5)
        weight, bias = map(torch.from_numpy, stored.regression())
        torch.testing.assert_close(features @ weight.T + bias, deltas, rtol=1e-5, atol=1e-5)
        checked += len(labels)
    assert checked == len(split.labels) == TRAIN_IMAGES * ROIS
    assert 0 < (split.labels < head.num_classes).sum() < checked


def test_val_gives_what_the_detector_predicts(detector: tuple[Any, Any], stored: FeatureSet) -> None:
    cfg, model = detector
    split, head = stored.split("val"), model.roi_head.bbox_head
    weight, bias = stored.regression()
    rcnn = stored.manifest.head.rcnn
    assert (split.labels == head.num_classes).all() and not split.is_truth.any()
    place = found = 0
    for _, data in images_of_test(cfg).batches(0):
        with torch.no_grad():
            predicted = model.test_step(data)
        for sample in predicted:
            features = np.array(split.features[rows(split, range(place, place + 1))])
            boxes = decode(
                split.boxes[rows(split, range(place, place + 1))], features @ weight.T + bias, split.sizes[place]
            )
            boxes /= np.tile(split.scales[place], 2).astype(np.float64)
            scores = head.fc_cls(torch.from_numpy(features)).softmax(1)
            detections, labels = multiclass_nms(
                torch.from_numpy(boxes.reshape(len(boxes), -1)).float(),
                scores,
                rcnn["score_thr"],
                rcnn["nms"],
                rcnn["max_per_img"],
            )
            assert split.image_ids[place] == sample.img_id
            np.testing.assert_array_equal(labels, sample.pred_instances.labels)
            torch.testing.assert_close(detections[:, 4], sample.pred_instances.scores, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(detections[:, :4], sample.pred_instances.bboxes, rtol=1e-4, atol=1e-3)
            place, found = place + 1, found + len(labels)
    assert place == VAL_IMAGES and found > 100


def decode(rois: NDArray[np.float32], deltas: NDArray[np.float32], size: NDArray[np.int32]) -> NDArray[np.float64]:
    """Boxes from deltas with means 0 and deviations 0.1, 0.1, 0.2, 0.2 (Girshick et al., R-CNN, appendix C)."""
    dx, dy, dw, dh = np.moveaxis(deltas.astype(np.float64).reshape(len(rois), -1, 4) * [0.1, 0.1, 0.2, 0.2], 2, 0)
    x1, y1, x2, y2 = (rois[:, i : i + 1].astype(np.float64) for i in range(4))
    limit = np.log(1000 / 16)
    width, height = ((x2 - x1) * np.exp(np.clip(dw, -limit, limit)), (y2 - y1) * np.exp(np.clip(dh, -limit, limit)))
    x, y = (x1 + x2) / 2 + dx * (x2 - x1), (y1 + y2) / 2 + dy * (y2 - y1)
    corners = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=2)
    return np.asarray(np.clip(corners, 0, np.tile(size[::-1], 2)))


@pytest.mark.parametrize("name", ["train_0", "train_1", "val", "held_out"])
def test_truth_sizes_and_overlaps(name: str, stored: FeatureSet) -> None:
    which: Any = "train" if name.startswith("train") else name
    content = json.loads(stored.annotations(which).read_text())
    labels = {category.id: label for label, category in enumerate(stored.manifest.categories)}
    images = {image["id"]: image for image in content["images"]}
    split, flipped = stored.split(name), 0
    assert which == "train" or sorted(images) == split.image_ids.tolist()
    for place, image_id in enumerate(split.image_ids.tolist()):
        image = images[image_id]
        height, width = split.sizes[place].tolist()
        assert split.scales[place] == pytest.approx([width / image["width"], height / image["height"]])
        mine = slice(split.truth_first[place], split.truth_first[place + 1])
        own = [row for row in content["annotations"] if row["image_id"] == image_id]
        x, y, w, h = np.array([row["bbox"] for row in own]).T * split.scales[place][[0, 1, 0, 1], None]
        expected = np.stack([x, y, x + w, y + h], axis=1)
        mirrored = np.stack([width - x - w, y, width - x, y + h], axis=1)
        truth = split.truth_boxes[mine]
        is_flipped = not np.allclose(truth, expected, atol=1e-3)
        np.testing.assert_allclose(truth, mirrored if is_flipped else expected, atol=1e-3)
        flipped += is_flipped
        assert split.truth_labels[mine].tolist() == [labels[row["category_id"]] for row in own]
        of_image = rows(split, range(place, place + 1))
        np.testing.assert_allclose(split.iou_of(place), ious(split.boxes[of_image], truth), atol=1e-5)
        found = split.boxes[of_image][split.is_truth[of_image]]
        assert all((truth == box).all(1).any() for box in found)
    sizes = len({tuple(size) for size in split.sizes.tolist()})
    if which == "train":
        assert 0 < flipped < len(split) and sizes > 1 and split.is_truth.any()
    else:
        assert not flipped and sizes == 1 and not split.is_truth.any()


def test_epochs_differ(stored: FeatureSet) -> None:
    first, second = (stored.split(f"train_{epoch}") for epoch in range(2))
    assert first.image_ids.tolist() == second.image_ids.tolist()
    assert first.sizes.tolist() != second.sizes.tolist()
