"""Detections are those of a plain loop: scores, decoded boxes, NMS by class, back in the original image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from probe_data import CLASSES, DIMENSION, made_split
from test_head import CODER

from lt_bench.evaluation.inputs.predictions import write_encoded
from lt_bench.features.layout import ARRAYS
from lt_bench.features.store import Split
from lt_bench.probe.head import build_head
from lt_bench.probe.predict import predict

TEST: dict[str, Any] = {
    "score_thr": 1e-3,
    "nms": {"type": "nms", "iou_threshold": 0.5},
    "max_per_img": 12,
    "mask_thr_binary": 0.5,
}
IDS = [10 * label + 3 for label in range(CLASSES)]


def made(agnostic: bool) -> tuple[Any, Split]:
    rng = np.random.default_rng(0)
    rows = 4 if agnostic else 4 * CLASSES
    layer = (0.2 * rng.normal(size=(rows, DIMENSION)).astype(np.float32), rng.normal(size=rows).astype(np.float32))
    counts = {"image_count": [5] * CLASSES, "instance_count": [6] * CLASSES, "num_images": 20}
    head = build_head({"loss": "ce", **counts}, {"type": "Linear"}, CODER, agnostic, layer, 0)
    torch.nn.init.normal_(head.fc_cls.weight, std=0.7)
    arrays = made_split(101, 6, 14, False, seed=1)
    arrays["scales"] = np.tile(np.array([2.0, 1.25]), (6, 1))
    return head.eval(), Split(
        **{name: array.astype(ARRAYS[name].dtype_at("float32")) for name, array in arrays.items()}
    )


def by_hand(head: Any, split: Split, agnostic: bool) -> list[tuple[int, int, float, list[float]]]:
    weights = {name: value.double().numpy() for name, value in head.state_dict().items()}
    found = []
    for image in range(len(split)):
        rows = slice(split.first[image], split.first[image + 1])
        x, rois = split.features[rows].astype(np.float64), split.boxes[rows].astype(np.float64)
        logits = x @ weights["fc_cls.weight"].T + weights["fc_cls.bias"]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        deltas = (x @ weights["fc_reg.weight"].T + weights["fc_reg.bias"]).reshape(len(x), -1, 4)
        height, width = split.sizes[image]
        of_image = []
        for label in range(CLASSES):
            delta = deltas[:, 0 if agnostic else label] * [0.1, 0.1, 0.2, 0.2]
            size = rois[:, 2:] - rois[:, :2]
            center = (rois[:, :2] + rois[:, 2:]) / 2 + delta[:, :2] * size
            half = size * np.exp(delta[:, 2:]) / 2
            boxes = np.clip(np.concatenate([center - half, center + half], axis=1), 0, [width, height, width, height])
            boxes /= [*split.scales[image], *split.scales[image]]
            kept: list[int] = []
            for row in np.argsort(-scores[:, label]):
                if scores[row, label] > TEST["score_thr"] and all(
                    iou(boxes[row], boxes[other]) <= 0.5 for other in kept
                ):
                    kept.append(row)
            of_image += [(scores[row, label], label, boxes[row]) for row in kept]
        of_image.sort(key=lambda one: -one[0])
        for score, label, box in of_image[: TEST["max_per_img"]]:
            corner = [*box[:2], *(box[2:] - box[:2])]
            found.append((int(split.image_ids[image]), IDS[label], float(score), [float(value) for value in corner]))
    return found


def iou(one: np.ndarray, other: np.ndarray) -> float:
    size = np.maximum(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0)
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(size.prod() / max(sum(area) - size.prod(), 1e-12))


@pytest.mark.parametrize("agnostic", [False, True])
def test_detections_are_those_of_a_plain_loop(agnostic: bool, tmp_path: Path) -> None:
    head, split = made(agnostic)
    write_encoded(tmp_path / "predictions.json", predict(head, split, TEST, IDS))
    found = json.loads((tmp_path / "predictions.json").read_text())
    expected = by_hand(head, split, agnostic)
    assert len(found) == len(expected) > 40
    for detection, (image, category, score, box) in zip(found, expected, strict=True):
        assert (detection["image_id"], detection["category_id"]) == (image, category)
        assert detection["score"] == pytest.approx(score, rel=1e-4)
        assert detection["bbox"] == pytest.approx(box, abs=1e-3)


def test_an_image_without_proposals_has_no_detections() -> None:
    head, split = made(False)
    last = int(split.first[-2])
    ends = np.array([*split.first[:-1], last])
    fewer = Split(**{**vars(split), "first": ends})
    batches = list(predict(head, fewer, TEST, IDS))
    assert batches[-1] == b"" and all(batches[:-1])
