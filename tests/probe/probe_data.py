"""Stored features of a data set that never was: classes that can be told apart, proposals around their objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from made_features import HEAD, write_features
from numpy.typing import NDArray

from lt_bench.features.layout import ARRAYS
from lt_bench.features.manifest import train_split
from lt_bench.features.store import FeatureSet

CLASSES, DIMENSION, SIDE = 6, 12, 64
TRACK = {"dataset": "glyphs-lt", "detector": "mask_rcnn", "backbone": "r50", "schedule": "1x", "recipe": "common"}
RUN = {"loss": "ce", "seed": 0, "track": TRACK, "fingerprint": "f" * 64}


def made_split(
    first_id: int, images: int, rois: int, train: bool, seed: int, classes: int = CLASSES, dimension: int = DIMENSION
) -> dict[str, NDArray[Any]]:
    """Arrays of a split, by the names of `ARRAYS`.

    Objects are squares of 16 pixels; the first RoI of each is its box, two more overlap it, and the rest lie anywhere.
    """
    rng = np.random.default_rng(seed)
    prototypes = np.random.default_rng(1234).normal(size=(classes + 1, dimension))
    share = 0.5 ** (np.arange(classes)[::-1] * 6 / classes)  # the last classes are frequent
    rows: dict[str, list[Any]] = {name: [] for name in ARRAYS}
    for image in range(images):
        labels = rng.choice(classes, size=rng.integers(1, 4), p=share / share.sum())
        if image < classes:
            labels[0] = image  # each class is there
        corner = rng.integers(0, SIDE - 16, size=(len(labels), 2))
        truth = np.concatenate([corner, corner + 16], axis=1).astype(np.float64)
        of = np.arange(rois) % (3 * len(labels))
        boxes = np.array(
            [
                truth[index // 3] + (index % 3) * rng.normal(size=4) if index // 3 < len(labels) else truth[0]
                for index in of
            ]
        )
        background = np.arange(rois) >= 3 * len(labels)
        loose = rng.integers(0, SIDE - 16, size=(rois, 2))
        boxes[background] = np.concatenate([loose, loose + 12], axis=1)[background]
        label = np.where(background, classes, labels[np.minimum(of // 3, len(labels) - 1)])
        features = np.maximum(prototypes[label] + 0.6 * rng.normal(size=(rois, dimension)), 0)
        rows["image_ids"].append([first_id + image])
        rows["features"].append(features)
        rows["boxes"].append(np.clip(boxes, 0, SIDE))
        rows["labels"].append(label if train else np.full(rois, classes))
        rows["is_truth"].append(train & ~background & (of % 3 == 0))
        rows["sizes"].append([[SIDE, SIDE]])
        rows["scales"].append([[1.0, 1.0]])
        rows["truth_labels"].append(labels)
        rows["truth_boxes"].append(truth)
        rows["iou"].append(np.zeros(rois * len(labels)))
    arrays = {name: np.concatenate(parts) for name, parts in rows.items() if parts}
    for name, of_image in (
        ("first", rows["features"]),
        ("truth_first", rows["truth_labels"]),
        ("iou_first", rows["iou"]),
    ):
        arrays[name] = np.concatenate([[0], np.cumsum([len(part) for part in of_image])])
    return arrays


def annotations_of(arrays: dict[str, NDArray[Any]], classes: int = CLASSES, counts: Any = None) -> dict[str, Any]:
    """The LVIS annotations of a split. counts: image_count and instance_count by label; None for its own."""
    images = np.repeat(arrays["image_ids"], np.diff(arrays["truth_first"]))
    if counts is None:
        pairs = np.unique(np.stack([images, arrays["truth_labels"]]), axis=1)
        counts = (np.bincount(pairs[1], minlength=classes), np.bincount(arrays["truth_labels"], minlength=classes))
    return {
        "info": {},
        "categories": [
            {
                "id": 10 * label + 3,
                "name": f"class {label}",
                "frequency": "rcf"[3 * label // classes],
                "image_count": int(counts[0][label]),
                "instance_count": int(counts[1][label]),
            }
            for label in range(classes)
        ],
        "images": [
            {
                "id": int(key),
                "width": SIDE,
                "height": SIDE,
                "coco_url": f"http://x/val2017/{key:012d}.jpg",
                "neg_category_ids": [10 * label + 3 for label in range(classes)],
                "not_exhaustive_category_ids": [],
            }
            for key in arrays["image_ids"]
        ],
        "annotations": [
            {
                "id": number + 1,
                "image_id": int(image),
                "category_id": 10 * int(label) + 3,
                "bbox": [float(box[0]), float(box[1]), 16.0, 16.0],
                "area": 256.0,
                "segmentation": [
                    [float(box[0]), float(box[1]), float(box[2]), float(box[1]), float(box[2]), float(box[3])]
                ],
            }
            for number, (image, label, box) in enumerate(
                zip(images, arrays["truth_labels"], arrays["truth_boxes"], strict=True)
            )
        ],
    }


def made_features(
    folder: Path,
    epochs: int = 2,
    held_out: bool = True,
    train: dict[str, NDArray[Any]] | None = None,
    **written: Any,
) -> FeatureSet:
    """Features of 40 training images, some of them held out, and of 16 validation images, with their annotations.

    train: arrays of the training images instead. written: of `write_features`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    train = train or made_split(1, 40, 14, True, seed=0)
    splits = {train_split(epoch): made_again(train, epoch) for epoch in range(epochs)}
    splits["val"] = made_split(101, 16, 14, False, seed=50)
    counts = annotations_of(train)["categories"]
    own = ([one["image_count"] for one in counts], [one["instance_count"] for one in counts])
    if held_out:
        splits["held_out"] = first_images({**train, "labels": np.full_like(train["labels"], CLASSES)}, 8)
    files = {}
    for name, split in (("train", "train_0"), ("val", "val"), ("held_out", "held_out")):
        if split in splits:
            files[name] = folder.parent / f"{folder.name}_{name}.json"
            files[name].write_text(json.dumps(annotations_of(splits[split], counts=own)), encoding="utf-8")
    return write_features(folder, splits, CLASSES, annotations=files, **of_data(train), **written)


def of_data(train: dict[str, NDArray[Any]], classes: int = CLASSES) -> dict[str, Any]:
    """What a manifest says of the training set that these arrays are of."""
    categories = annotations_of(train, classes)["categories"]
    return {
        "run": RUN,
        "image_count": [one["image_count"] for one in categories],
        "instance_count": [one["instance_count"] for one in categories],
        "num_images": len(train["image_ids"]),
        "categories": [{key: one[key] for key in ("id", "name", "frequency")} for one in categories],
        "head": HEAD | {"pos_fraction": 0.5},
    }


def made_again(arrays: dict[str, NDArray[Any]], epoch: int) -> dict[str, NDArray[Any]]:
    """The same images in another pass: other features."""
    noise = 0.1 * np.random.default_rng(epoch).normal(size=arrays["features"].shape)
    return {**arrays, "features": np.maximum(arrays["features"] + epoch * noise, 0)}


def first_images(arrays: dict[str, NDArray[Any]], images: int) -> dict[str, NDArray[Any]]:
    """A split of the first images alone."""
    rows = {"images": images, "images + 1": images + 1}
    rows |= {
        what: int(arrays[first][images])
        for what, first in (("rois", "first"), ("truths", "truth_first"), ("pairs", "iou_first"))
    }
    return {name: array[: rows[ARRAYS[name].rows]] for name, array in arrays.items()}
