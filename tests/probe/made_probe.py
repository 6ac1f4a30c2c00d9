"""Stored features of a data set that never was: classes that can be told apart, proposals around their objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.features.layout import ARRAYS, Precision
from lt_bench.features.manifest import AnnotationFile, Category, Head, Manifest, Source, SplitFacts, train_split
from lt_bench.features.store import MANIFEST_FILE, REGRESSION_FILE, FeatureSet, array_path
from lt_bench.leaderboard.schema import Track
from lt_bench.utils.files import sha256_of

CLASSES, DIMENSION, SIDE = 6, 12, 64
FREQUENCY = "rrccff"
TRACK = Track(dataset="glyphs-lt", detector="mask_rcnn", backbone="r50", schedule="1x", recipe="common")


def made_split(
    first_id: int, images: int, rois: int, train: bool, seed: int, classes: int = CLASSES, dimension: int = DIMENSION
) -> dict[str, NDArray[Any]]:
    """Arrays of a split, by the names of `ARRAYS`. Objects are squares of 16 pixels; the first RoI of each object is its
    box, further ones overlap it, and the rest lie anywhere.
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
        boxes = np.array([truth[index // 3] + (index % 3) * rng.normal(size=4) if index // 3 < len(labels) else truth[0]
                          for index in of])
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
    for name, of_image in (("first", rows["features"]), ("truth_first", rows["truth_labels"]), ("iou_first", rows["iou"])):
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
            {"id": int(key), "width": SIDE, "height": SIDE, "coco_url": f"http://x/val2017/{key:012d}.jpg",
             "neg_category_ids": [10 * label + 3 for label in range(classes)], "not_exhaustive_category_ids": []}
            for key in arrays["image_ids"]
        ],
        "annotations": [
            {
                "id": number + 1,
                "image_id": int(image),
                "category_id": 10 * int(label) + 3,
                "bbox": [float(box[0]), float(box[1]), 16.0, 16.0],
                "area": 256.0,
                "segmentation": [[float(box[0]), float(box[1]), float(box[2]), float(box[1]), float(box[2]), float(box[3])]],
            }
            for number, (image, label, box) in enumerate(
                zip(images, arrays["truth_labels"], arrays["truth_boxes"], strict=True)
            )
        ],
    }


def write_features(
    folder: Path,
    splits: dict[str, dict[str, NDArray[Any]]],
    annotations: dict[str, Path],
    precision: Precision = "float32",
    regression: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
    classes: int = CLASSES,
    **head: Any,
) -> FeatureSet:
    """Write a folder of features. annotations: by `train`, `val` and perhaps `held_out`. head: of `Head`."""
    facts = {}
    for split, arrays in splits.items():
        digests = {}
        for name, form in ARRAYS.items():
            path = array_path(folder, split, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, arrays[name].astype(form.dtype_at(precision)))
            digests[name] = sha256_of(path)
        counts = [len(arrays[name]) for name in ("image_ids", "labels", "truth_labels", "iou")]
        facts[split] = SplitFacts(**dict(zip(("images", "rois", "truths", "pairs"), counts)), arrays=digests)
    dimension = splits["val"]["features"].shape[1]
    weight, bias = regression or (np.zeros((4 * classes, dimension), np.float32), np.zeros(4 * classes, np.float32))
    np.savez(folder / REGRESSION_FILE, weight=weight, bias=bias)
    train = json.loads(annotations["train"].read_text())
    manifest = Manifest(
        name="ce_seed0_0123abcd",
        run=Source(loss="ce", seed=0, track=TRACK, fingerprint="f" * 64),
        checkpoint_sha256="0123abcd" * 8,
        annotations={
            name: AnnotationFile(path=str(path), sha256=sha256_of(path)) for name, path in annotations.items()
        },
        num_classes=classes,
        dimension=dimension,
        precision=precision,
        seed=0,
        rois=64,
        epochs_of_boxes=sum(name.startswith("train_") for name in splits),
        held_out=0.1 if "held_out" in splits else 0.0,
        splits=facts,
        image_count=[one["image_count"] for one in train["categories"]],
        instance_count=[one["instance_count"] for one in train["categories"]],
        num_images=len(train["images"]),
        categories=[Category(id=one["id"], name=one["name"], frequency=one["frequency"]) for one in train["categories"]],
        head=Head(
            **{
                "rois_per_image": 8,
                "pos_fraction": 0.5,
                "box_means": (0.0, 0.0, 0.0, 0.0),
                "box_stds": (0.1, 0.1, 0.2, 0.2),
                "class_agnostic": False,
                "proposals": 100,
                "rcnn": {"score_thr": 1e-4, "nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 100},
                **head,
            }
        ),
        regression=sha256_of(folder / REGRESSION_FILE),
    )
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(), encoding="utf-8")
    return FeatureSet(folder, manifest)


def made_features(folder: Path, epochs: int = 2, held_out: bool = True, **written: Any) -> FeatureSet:
    """Features of 40 training images, some of them held out, and of 16 validation images, with their annotations."""
    folder.mkdir(parents=True, exist_ok=True)
    train = made_split(1, 40, 14, True, seed=0)
    splits = {train_split(epoch): made_again(train, epoch) for epoch in range(epochs)}
    splits["val"] = made_split(101, 16, 14, False, seed=50)
    counts = annotations_of(train)["categories"]
    own = ([one["image_count"] for one in counts], [one["instance_count"] for one in counts])
    if held_out:
        splits["held_out"] = first_images({**train, "labels": np.full_like(train["labels"], CLASSES)}, 8)
    files = {}
    for name, split in (("train", "train_0"), ("val", "val"), ("held_out", "held_out")):
        if split in splits:
            files[name] = folder / f"annotations_{name}.json"
            files[name].write_text(json.dumps(annotations_of(splits[split], counts=own)), encoding="utf-8")
    return write_features(folder, splits, files, **written)


def made_again(arrays: dict[str, NDArray[Any]], epoch: int) -> dict[str, NDArray[Any]]:
    """The same images in another pass: other features."""
    noise = 0.1 * np.random.default_rng(epoch).normal(size=arrays["features"].shape)
    return {**arrays, "features": np.maximum(arrays["features"] + epoch * noise, 0)}


def first_images(arrays: dict[str, NDArray[Any]], images: int) -> dict[str, NDArray[Any]]:
    """A split of the first images alone."""
    rows = {"images": images, "images + 1": images + 1}
    rows |= {
        what: int(arrays[first][images]) for what, first in (("rois", "first"), ("truths", "truth_first"), ("pairs", "iou_first"))
    }
    return {name: array[: rows[ARRAYS[name].rows]] for name, array in arrays.items()}
