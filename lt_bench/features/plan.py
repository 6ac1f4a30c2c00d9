"""What a set of features will hold, worked out before anything is computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_bench.data.cache import cache_folder
from lt_bench.data.lvis import LVISFile, load
from lt_bench.data.subset import subset
from lt_bench.errors import UserError
from lt_bench.features.held_out import held_out
from lt_bench.features.layout import Counts, Precision
from lt_bench.features.manifest import HELD_OUT, VAL, Head, train_split
from lt_bench.features.model import choose_device, head_of, use_mmdet
from lt_bench.features.size import most, regression_bytes, total
from lt_bench.features.source import DetectorSource
from lt_bench.features.store import HELD_OUT_ANNOTATIONS, VAL_ANNOTATIONS
from lt_bench.utils.files import write_atomic

if TYPE_CHECKING:
    from lt_bench.features.images import Images

IMAGES_PER_CHUNK = 64


@dataclass(frozen=True)
class Settings:
    """rois: the most per training image. epochs: passes over the training set. held_out: share of the training images.
    seed: of augmentation and RoI sampling. images_per_chunk: about how many images are lost when a process is killed.
    """

    rois: int = 64
    epochs: int = 1
    precision: Precision = "float16"
    held_out: float = 0.1
    seed: int = 0
    images_per_chunk: int = field(default=IMAGES_PER_CHUNK, compare=False)


@dataclass(frozen=True)
class Plan:
    """train, val: the annotation files. images: split -> what opens its images. most: split -> what it holds at most.
    subsets: files of annotations that are written beside the features, by name, and their content.
    """

    source: DetectorSource
    settings: Settings
    head: Head
    dimension: int
    train: LVISFile
    val: LVISFile
    images: Mapping[str, Callable[[Path], Images]]
    most: Mapping[str, Counts]
    subsets: Mapping[str, list[bytes]]

    def num_bytes(self) -> int:
        layer = regression_bytes(len(self.train.categories), self.dimension, self.head.class_agnostic)
        return total(self.most, self.dimension, self.settings.precision) + layer

    def request(self) -> dict[str, Any]:
        """What the stored bytes follow from, named as a user knows it."""
        settings, cfg = self.settings, self.source.cfg
        parts = {key: cfg[key] for key in ("model", "train_dataloader", "test_dataloader")}
        return {
            "checkpoint": self.source.checkpoint_sha256,
            "config": hashlib.sha256(repr(parts).encode()).hexdigest(),
            "training annotations": self.train.digest,
            "validation annotations": self.val.digest,
            "--rois": settings.rois,
            "--epochs-of-boxes": settings.epochs,
            "--precision": settings.precision,
            "--held-out": settings.held_out,
            "--seed": settings.seed,
            "kind of device": choose_device().type,
        }

    def write_subsets(self, folder: Path) -> None:
        for name, content in self.subsets.items():
            write_atomic(folder / name, content)


def make_plan(source: DetectorSource, settings: Settings) -> Plan:
    """Look at data and config. Raises UserError when features can't be made of them."""
    use_mmdet()
    from lt_bench.features.images import test_images, training_images

    cfg, head = source.cfg, head_of(source.cfg)
    training, validation = training_images(cfg, settings.seed, 0), test_images(cfg)
    data = training.data_list
    train, val = (load(images.data_list.file.path, cache_folder(), masks=False) for images in (training, validation))
    images: dict[str, Callable[[Path], Images]] = {
        train_split(epoch): partial(_open_training, cfg, settings.seed, epoch) for epoch in range(settings.epochs)
    }
    truths = training.truths()
    sizes = {name: most(truths, settings.rois) for name in images}
    images[VAL] = lambda _: validation
    sizes[VAL] = most(validation.truths(), head.proposals)
    subsets = {}
    if len(validation) < len(val.images):
        subsets[VAL_ANNOTATIONS] = subset(val, validation.data_list.rows.tolist())
    if settings.held_out:
        ids = train.columns["image_id"][data.rows].tolist()
        chosen = held_out(ids, settings.held_out)
        if not chosen:
            raise UserError(f"--held-out {settings.held_out} of {len(ids)} images is none", "hold out a larger share")
        subsets[HELD_OUT_ANNOTATIONS] = subset(train, data.rows[chosen].tolist())
        images[HELD_OUT] = partial(open_held_out, cfg)
        sizes[HELD_OUT] = most([truths[place] for place in chosen], head.proposals)
    dimension = int(cfg.model.roi_head.bbox_head.get("fc_out_channels", 1024))
    return Plan(source, settings, head, dimension, train, val, images, sizes, subsets)


def _open_training(cfg: Any, seed: int, epoch: int, _: Path) -> Images:
    from lt_bench.features.images import training_images

    return training_images(cfg, seed, epoch)


def open_held_out(cfg: Any, folder: Path) -> Images:
    """The images of `held_out`. folder: of the features, where their annotations are."""
    from lt_bench.features.images import test_images

    root = cfg.train_dataloader.dataset
    while "dataset" in root:
        root = root.dataset
    path = str((folder / HELD_OUT_ANNOTATIONS).resolve())
    return test_images(cfg, ann_file=path, data_root=root.data_root, indices=None)
