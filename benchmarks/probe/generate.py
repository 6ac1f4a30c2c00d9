"""Stored features of a data set that never was, in the form that `lt_bench features` writes.

Each class has a prototype; the features of a RoI are that of its class and noise, cut at zero, so that a classifier
can learn something and scores as unevenly as on real features. At LVIS's size a block of images is made and written
again and again: what a step costs does not depend on which features it reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.synthetic_lvis import lvis_categories, write_json
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.synthetic_stats import lvis_like
from lt_bench.data.glyphs.plan import train_image_counts
from lt_bench.data.glyphs.presets import PRESETS
from lt_bench.features.layout import Counts
from lt_bench.features.manifest import Manifest, SplitFacts
from lt_bench.features.size import refuse_full_disk
from lt_bench.features.store import MANIFEST_FILE, REGRESSION_FILE
from lt_bench.features.writer import ImageRois, SplitWriter
from lt_bench.utils.files import sha256_of

DIMENSION, ROIS, POSITIVES = 1024, 64, 16  # numbers of a RoI; RoIs stored of a training image, and foreground ones
NOISE = 1.2  # beside prototypes of standard deviation 1
OBJECTS = 12  # of an image
BLOCK = 4096  # training images that differ
NEGATIVE = 30  # classes that a validation image is said not to show


@dataclass(frozen=True)
class Size:
    """rois_per_image: of the detector's training. proposals: of a validation image. side: of the images, in pixels.
    all_val: the validation images of the real data set.
    """

    dataset: str
    stats: ClassStats
    train_images: int
    val_images: int
    all_val: int
    rois_per_image: int
    proposals: int
    detections: int
    side: tuple[int, int]

    def train_counts(self) -> Counts:
        images = self.train_images
        return Counts(images, images * ROIS, images * OBJECTS, images * ROIS * OBJECTS)


def _glyphs_stats() -> ClassStats:
    preset = PRESETS["glyphs-lt"]
    images = train_image_counts(preset).tolist()
    return ClassStats(images, [round(1.09 * count) for count in images], preset.num_train)  # instances as there


def sizes() -> dict[str, Size]:
    """By name."""
    lvis = lvis_like()
    return {
        "glyphs-lt": Size("glyphs-lt", _glyphs_stats(), 3000, 400, 400, 32, 100, 100, (96, 96)),
        "lvis": Size("lvis_v1", lvis, 100_000, 200, 19_809, 512, 300, 300, (800, 1216)),
    }


def write_features(folder: Path, size: Size, seed: int = 0) -> None:
    """Write features and annotations into `folder`, unless they are there. Raises UserError for too small a disk."""
    if (folder / MANIFEST_FILE).is_file():
        return
    refuse_full_disk(folder, size.train_counts().total_bytes(DIMENSION, "float16"))
    folder.mkdir(parents=True, exist_ok=True)
    maker = _Maker(size, np.random.default_rng(seed))
    block = list(maker.images(min(BLOCK, size.train_images), train=True))
    repeated = (replace(block[place % len(block)], image_id=place + 1) for place in range(size.train_images))
    splits = {"train_0": _write(folder, "train_0", repeated)}
    del block
    images = list(maker.images(size.val_images, train=False))
    splits["val"] = _write(folder, "val", images)
    annotations = folder / "val.json"
    maker.write_annotations(annotations, images)
    weight, bias = maker.regression()
    np.savez(folder / REGRESSION_FILE, weight=weight, bias=bias)
    manifest = Manifest.model_validate(maker.manifest(annotations, splits, sha256_of(folder / REGRESSION_FILE)))
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")


def _write(folder: Path, split: str, images: Any) -> SplitFacts:
    with SplitWriter(folder, split, DIMENSION, "float16", Counts(0, 0, 0, 0)) as writer:
        for image in images:
            writer.append(image)
        return writer.finish()


class _Maker:
    def __init__(self, size: Size, rng: np.random.Generator) -> None:
        self._size, self._rng = size, rng
        self._classes = size.stats.num_classes
        self._prototypes = rng.standard_normal((self._classes + 1, DIMENSION), dtype=np.float32)
        share = np.array(size.stats.instance_count, dtype=np.float64)
        self._share = share / share.sum()
        names = [f"class {label}" for label in range(self._classes)]
        self._categories = lvis_categories(names, size.stats.image_count, size.stats.instance_count)

    def images(self, count: int, train: bool) -> Iterator[ImageRois]:
        """Their ids count from 1. In training each class occurs, if there are images enough."""
        for place in range(count):
            labels = self._rng.choice(self._classes, size=OBJECTS, p=self._share)
            if place * OBJECTS < self._classes:
                labels = (place * OBJECTS + np.arange(OBJECTS)) % self._classes
            yield self._image(place + 1, labels, train)

    def _image(self, image_id: int, truth_labels: NDArray[np.int64], train: bool) -> ImageRois:
        height, width = self._size.side
        rois = ROIS if train else self._size.proposals
        positives = POSITIVES if train else rois // 3
        truth = self._boxes(OBJECTS)
        of = np.arange(positives) % OBJECTS
        sides = np.tile(truth[of, 2:] - truth[of, :2], 2)
        near = truth[of] + 0.05 * sides * self._rng.standard_normal((positives, 4))
        boxes = np.concatenate([near, self._boxes(rois - positives)]).clip(0, [width, height, width, height])
        seen = np.concatenate([truth_labels[of], np.full(rois - positives, self._classes)])
        noise = self._rng.standard_normal((rois, DIMENSION), dtype=np.float32)
        return ImageRois(
            image_id=image_id,
            features=np.maximum(self._prototypes[seen] + NOISE * noise, 0).astype(np.float16),  # type: ignore[arg-type]
            boxes=boxes.astype(np.float32),
            labels=seen if train else np.full(rois, self._classes),
            is_truth=np.zeros(rois, dtype=np.bool_),
            size=(height, width),
            scale=(1.0, 1.0),
            truth_labels=truth_labels,
            truth_boxes=truth.astype(np.float32),
            iou=np.zeros((rois, OBJECTS), dtype=np.float32),  # no classifier is trained on it
        )

    def _boxes(self, count: int) -> NDArray[np.float64]:
        """Anywhere, some up to the border: [count, 4]."""
        height, width = self._size.side
        corner = self._rng.uniform(0, 0.9, (count, 2))
        end = corner + self._rng.uniform(0.08, 0.4, (count, 2))
        boxes: NDArray[np.float64] = np.concatenate([corner, np.minimum(end, 1)], axis=1)
        return np.multiply(boxes, [width, height, width, height])

    def regression(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = 0.002 * self._rng.standard_normal((4 * self._classes, DIMENSION), dtype=np.float32)
        return weight, np.zeros(4 * self._classes, dtype=np.float32)

    def write_annotations(self, path: Path, images: list[ImageRois]) -> None:
        """The validation images' ground truth, in LVIS's form."""
        height, width = self._size.side
        rows: list[str] = []
        objects: list[str] = []
        for image in images:
            others = self._rng.choice(self._classes, size=min(NEGATIVE, self._classes // 2), replace=False)
            negative = np.setdiff1d(others, image.truth_labels) + 1
            facts: dict[str, Any] = {
                "id": image.image_id,
                "height": height,
                "width": width,
                "not_exhaustive_category_ids": [],
            }
            facts |= {"neg_category_ids": negative.tolist(), "coco_url": f"http://x/val2017/{image.image_id}.jpg"}
            rows.append(json.dumps(facts))
            for label, (x, y, right, bottom) in zip(image.truth_labels, image.truth_boxes.tolist(), strict=True):
                row: dict[str, Any] = {
                    "id": len(objects) + 1,
                    "image_id": image.image_id,
                    "category_id": int(label) + 1,
                }
                row |= {"bbox": [x, y, right - x, bottom - y], "area": (right - x) * (bottom - y)}
                row["segmentation"] = [[x, y, right, y, right, bottom]]
                objects.append(json.dumps(row))
        write_json(path, images=rows, annotations=objects, categories=map(json.dumps, self._categories))

    def manifest(self, annotations: Path, splits: dict[str, SplitFacts], regression: str) -> dict[str, Any]:
        size, stats = self._size, self._size.stats
        val = {"path": str(annotations.resolve()), "sha256": sha256_of(annotations)}
        track = {"dataset": size.dataset, "detector": "mask_rcnn", "backbone": "r50"}
        return {
            "name": f"generated_{stats.num_classes}",
            "run": None,
            "stock": {**track, "schedule": "1x", "recipe": "common"},
            "checkpoint_sha256": "0" * 64,  # there is none
            "annotations": {"train": {"path": "/generated/train.json", "sha256": "0" * 64}, "val": val},
            "num_classes": stats.num_classes,
            "dimension": DIMENSION,
            "precision": "float16",
            "seed": 0,
            "rois": ROIS,
            "epochs_of_boxes": 1,
            "held_out": 0.0,
            "splits": {name: facts.model_dump() for name, facts in splits.items()},
            "image_count": list(stats.image_count),
            "instance_count": list(stats.instance_count),
            "num_images": size.train_images,
            "categories": [{key: one[key] for key in ("id", "name", "frequency")} for one in self._categories],
            "head": {
                "rois_per_image": size.rois_per_image,
                "pos_fraction": 0.25,
                "box_means": (0.0, 0.0, 0.0, 0.0),
                "box_stds": (0.1, 0.1, 0.2, 0.2),
                "class_agnostic": False,
                "proposals": size.proposals,
                "rcnn": {
                    "score_thr": 1e-4,
                    "nms": {"type": "nms", "iou_threshold": 0.5},
                    "max_per_img": size.detections,
                },
            },
            "regression": regression,
        }
