"""manifest.json: what a folder of stored features holds, and of which detector and data it is."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field

from lt_bench.features.layout import Counts, Precision
from lt_bench.leaderboard.schema_base import Count, Flag, Frequency, Model, Name, Sha256, Text
from lt_bench.leaderboard.schema_run import Track

SCHEMA_VERSION = 1
Which = Literal["train", "val", "held_out"]  # annotation file
HELD_OUT, VAL = "held_out", "val"


def train_split(epoch: int) -> str:
    """The name of the split with the training set's RoIs of one pass, counted from 0."""
    return f"train_{epoch}"


class Source(Model):
    """The run that trained the detector."""

    loss: Name
    seed: Count
    track: Track
    fingerprint: Sha256


class AnnotationFile(Model):
    """path: absolute, or relative to the folder of the features where the file was written there."""

    path: Text
    sha256: Sha256


class Category(Model):
    id: int
    name: Name
    frequency: Frequency


class Head(Model):
    """What the detector's config says of its box head.

    rois_per_image, pos_fraction, neg_pos_ub, add_gt_as_proposals: of mmdet's RandomSampler in training. box_means,
    box_stds: of the coder (x, y, width, height). class_agnostic: one box for all classes. proposals: the most per image
    of `val` and `held_out`. rcnn: test_cfg.rcnn, with score_thr, nms and max_per_img.
    """

    rois_per_image: Annotated[int, Field(ge=1)]
    pos_fraction: Annotated[float, Field(ge=0, le=1)]
    neg_pos_ub: float = -1
    add_gt_as_proposals: Flag = True
    box_means: tuple[float, float, float, float]
    box_stds: tuple[float, float, float, float]
    class_agnostic: Flag
    proposals: Annotated[int, Field(ge=1)]
    rcnn: dict[str, Any]


class SplitFacts(Model):
    """arrays: name -> SHA-256 of the .npy file. pairs: entries of `iou`."""

    images: Count
    rois: Count
    truths: Count
    pairs: Count
    arrays: dict[Name, Sha256]

    def counts(self) -> Counts:
        return Counts(self.images, self.rois, self.truths, self.pairs)


class Manifest(Model):
    """name: short; of the run and the checkpoint. run: None for a stock checkpoint. stock: what that was said to be.
    seed: of augmentation and RoI sampling. rois: the most per training image. held_out: the share of the training
    images that is in the split of this name, which is missing for 0; those images are in the training splits too.
    image_count, instance_count, num_images: of the training annotations, the counts in label order. categories: in
    label order. regression: SHA-256 of regression.npz.
    """

    schema_version: Literal[1] = 1
    name: Name
    run: Source | None
    stock: Track | None = None
    checkpoint_sha256: Sha256
    annotations: dict[Which, AnnotationFile]
    num_classes: Annotated[int, Field(ge=1)]
    dimension: Annotated[int, Field(ge=1)]
    precision: Precision
    seed: Count
    rois: Annotated[int, Field(ge=1)]
    epochs_of_boxes: Annotated[int, Field(ge=1)]
    held_out: Annotated[float, Field(ge=0, lt=1)]
    splits: dict[Name, SplitFacts]
    image_count: tuple[Count, ...]
    instance_count: tuple[Count, ...]
    num_images: Count
    categories: tuple[Category, ...]
    head: Head
    regression: Sha256

    def track(self) -> Track | None:
        """That of the detector; None for a stock checkpoint whose features do not say what it is."""
        return self.stock if self.run is None else self.run.track

    def digest(self) -> str:
        """SHA-256 (hex) of all arrays' digests and that of the regression layer: what the stored numbers are."""
        arrays = {name: facts.arrays for name, facts in self.splits.items()} | {"regression": self.regression}
        return hashlib.sha256(json.dumps(arrays, sort_keys=True).encode()).hexdigest()
