"""Small sets of stored features made from arrays, for tests that need no detector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.features.layout import ARRAYS, Precision
from lt_bench.features.manifest import Manifest
from lt_bench.features.store import MANIFEST_FILE, REGRESSION_FILE, FeatureSet, array_path, open_features
from lt_bench.utils.files import sha256_of

HEAD: dict[str, Any] = {
    "rois_per_image": 8,
    "pos_fraction": 0.25,
    "box_means": (0.0, 0.0, 0.0, 0.0),
    "box_stds": (0.1, 0.1, 0.2, 0.2),
    "class_agnostic": False,
    "proposals": 6,
    "rcnn": {"score_thr": 1e-4, "nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 20},
}


def made_split(
    rois: int = 10,
    images: int = 4,
    classes: int = 5,
    dimension: int = 6,
    seed: int = 0,
    train: bool = True,
    first_id: int = 1,
    size: int = 96,
) -> dict[str, NDArray[Any]]:
    """Random arrays of a split: each image has `rois` RoIs, and one to three ground-truth boxes, which are its first
    RoIs in training. Labels are those of the ground truth with the largest IoU from 0.5 on. Features are float32.
    """
    rng = np.random.default_rng(seed)
    truths = rng.integers(1, 4, size=images)
    boxes, labels, is_truth, truth_boxes, truth_labels, iou = [], [], [], [], [], []
    for count in truths.tolist():
        truth, truth_label = random_boxes(rng, count, size), rng.integers(0, classes, size=count)
        found = random_boxes(rng, rois, size)
        if train:
            found[:count] = truth
        pairs = ious(found, truth)
        label = np.where(pairs.max(1) >= 0.5, truth_label[pairs.argmax(1)], classes) if train else classes
        boxes.append(found)
        labels.append(np.broadcast_to(label, rois))
        is_truth.append(np.arange(rois) < (count if train else 0))
        truth_boxes.append(truth)
        truth_labels.append(truth_label)
        iou.append(pairs.ravel())
    return {
        "image_ids": first_id + np.arange(images),
        "first": rois * np.arange(images + 1),
        "features": np.maximum(rng.normal(size=(rois * images, dimension)), 0),
        "boxes": np.concatenate(boxes),
        "labels": np.concatenate(labels),
        "is_truth": np.concatenate(is_truth),
        "sizes": np.full((images, 2), size),
        "scales": np.ones((images, 2)),
        "truth_first": np.concatenate([[0], np.cumsum(truths)]),
        "truth_labels": np.concatenate(truth_labels),
        "truth_boxes": np.concatenate(truth_boxes),
        "iou_first": np.concatenate([[0], np.cumsum(truths * rois)]),
        "iou": np.concatenate(iou),
    }


def write_features(
    folder: Path,
    splits: Mapping[str, Mapping[str, NDArray[Any]]],
    classes: int = 5,
    precision: Precision = "float32",
    annotations: Mapping[str, Path] | None = None,
    regression: tuple[NDArray[Any], NDArray[Any]] | None = None,
    **fields: Any,
) -> FeatureSet:
    """Write arrays as `lt_bench features` stores them, and open the folder.

    splits: name -> arrays as `made_split` returns them. annotations: train, val and held_out, where they exist.
    regression: weight and bias, zeros if missing. fields: of the manifest, instead of made-up ones.
    """
    facts: dict[str, Any] = {}
    for split, arrays in splits.items():
        (folder / split).mkdir(parents=True)
        digests = {}
        for name, form in ARRAYS.items():
            path = array_path(folder, split, name)
            np.save(path, np.ascontiguousarray(arrays[name], dtype=form.dtype_at(precision)))
            digests[name] = sha256_of(path)
        counts = {"images": "image_ids", "rois": "labels", "truths": "truth_labels", "pairs": "iou"}
        facts[split] = {key: len(arrays[name]) for key, name in counts.items()} | {"arrays": digests}
    dimension = next(iter(splits.values()))["features"].shape[1]
    weight, bias = regression or (np.zeros((4 * classes, dimension)), np.zeros(4 * classes))
    np.savez(folder / REGRESSION_FILE, weight=weight.astype(np.float32), bias=bias.astype(np.float32))
    files = {
        key: {"path": str(path.resolve()), "sha256": sha256_of(path)} for key, path in (annotations or {}).items()
    } or {key: {"path": f"/nowhere/{key}.json", "sha256": "a" * 64} for key in ("train", "val")}
    manifest = {
        "name": "ce_0_abcdef01",
        "run": None,
        "checkpoint_sha256": "c" * 64,
        "annotations": files,
        "num_classes": classes,
        "dimension": dimension,
        "precision": precision,
        "seed": 0,
        "rois": 10,
        "epochs_of_boxes": sum(name.startswith("train_") for name in splits) or 1,
        "held_out": 0.1 if "held_out" in splits else 0.0,
        "splits": facts,
        "image_count": (3,) * classes,
        "instance_count": (4,) * classes,
        "num_images": 20,
        "categories": [
            {"id": 1 + label, "name": f"class {label}", "frequency": "rcf"[label % 3]} for label in range(classes)
        ],
        "head": HEAD,
        "regression": sha256_of(folder / REGRESSION_FILE),
        **fields,
    }
    (folder / MANIFEST_FILE).write_text(Manifest.model_validate(manifest).model_dump_json(indent=2), encoding="utf-8")
    return open_features(folder)


def random_boxes(rng: np.random.Generator, count: int, size: int) -> NDArray[np.float32]:
    """Boxes of at least 4 pixels in a square image: [count, 4]."""
    corner = rng.uniform(0, size - 24, size=(count, 2))
    return np.concatenate([corner, corner + rng.uniform(4, 24, size=(count, 2))], axis=1).astype(np.float32)


def ious(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """IoU of every pair: [N, M]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).astype(np.float64).prod(2)
    area, other = ((one[:, 2:] - one[:, :2]).astype(np.float64).prod(1) for one in (boxes, others))
    return np.asarray(shared / (area[:, None] + other[None] - shared))
