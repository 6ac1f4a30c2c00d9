"""Makes a folder of stored features, going on where an earlier process was stopped."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lt_bench.api.class_stats import ClassStats
from lt_bench.errors import UserError
from lt_bench.features.manifest import HELD_OUT, VAL, AnnotationFile, Category, Manifest, SplitFacts, Which
from lt_bench.features.model import build
from lt_bench.features.plan import Plan
from lt_bench.features.progress import ProgressFile
from lt_bench.features.seeding import SAMPLING
from lt_bench.features.size import GB, describe, refuse_full_disk
from lt_bench.features.store import (
    HELD_OUT_ANNOTATIONS,
    MANIFEST_FILE,
    REGRESSION_FILE,
    VAL_ANNOTATIONS,
    FeatureSet,
    open_features,
)
from lt_bench.features.writer import SplitWriter
from lt_bench.utils.files import sha256_of, unwritable, write_atomic
from lt_bench.utils.locks import locked

if TYPE_CHECKING:
    from torch import nn

    from lt_bench.features.rois import RoiFeatures

logger = logging.getLogger(__name__)


def make_features(plan: Plan, folder: Path) -> FeatureSet:
    """Fill `folder` with what is missing of the plan's features. Killed at any moment and called again, it goes on
    after the last chunk, with the bytes that one process would have written.

    Raises UserError when they do not fit on the disk, or the folder holds others or is in use.
    """
    folder = folder.resolve()
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".lock", wait=False))
        except TimeoutError as error:
            raise UserError(f"{error} makes the features in {folder}", "wait for it, or name another --out") from error
        except OSError as error:
            raise unwritable(folder, error) from error
        progress = ProgressFile(folder, plan.request())
        if (folder / MANIFEST_FILE).is_file():
            features = open_features(folder)
            if not progress.path.is_file():
                raise UserError(f"{folder} holds the features {features.manifest.name}", "name another --out")
            logger.info(f"these features are finished: {folder}")
            return features
        logger.info(describe(plan.most, plan.dimension, plan.settings.precision))
        refuse_full_disk(folder, plan.num_bytes())
        # before the folder is taken: a checkpoint that can't be loaded leaves it free for another one
        model = build(plan.source.cfg, plan.source.checkpoint, any_classifier=plan.source.run is None)
        progress.begin()
        plan.write_subsets(folder)
        return _make(plan, folder, progress, model)


def _make(plan: Plan, folder: Path, progress: ProgressFile, model: nn.Module) -> FeatureSet:
    from lt_bench.features.rois import RoiFeatures

    rois = RoiFeatures(model, plan.settings.rois)
    facts = {}
    for split in plan.images:
        facts[split] = progress.finished(split) or _make_split(plan, split, folder, progress, rois)
        logger.debug(f"{split}: {facts[split].rois} RoIs of {facts[split].images} images")
    _write_regression(folder, model)
    manifest = _manifest(plan, folder, facts)
    write_atomic(folder / MANIFEST_FILE, [json.dumps(manifest.model_dump(mode="json"), indent=2).encode()])
    size = sum(path.stat().st_size for path in folder.rglob("*.npy"))
    logger.info(f"features {manifest.name}: {size / GB:.2f} GB in {folder}")
    return open_features(folder)


def _make_split(plan: Plan, split: str, folder: Path, progress: ProgressFile, rois: RoiFeatures) -> SplitFacts:
    from lt_bench.detector.progress import ProgressLine

    images, settings = plan.images[split](folder), plan.settings
    done = progress.counts(split)
    chunk = -(-settings.images_per_chunk // images.batch_size) * images.batch_size
    line = ProgressLine(unit="images")
    line.open(f"features of {split}", len(images), done.images)
    try:
        with SplitWriter(folder, split, plan.dimension, settings.precision, done) as writer:
            for indices, data in images.batches(done.images):
                if split in (VAL, HELD_OUT):
                    found = rois.of_test(data)
                else:
                    found = rois.of_training(
                        data, [(settings.seed, images.epoch, index, SAMPLING) for index in indices]
                    )
                for one in found:
                    writer.append(one)
                if writer.counts.images % chunk == 0:
                    progress.commit(split, writer.commit())
                line.advance(writer.counts.images)
            progress.commit(split, writer.commit())
            facts = writer.finish()
    finally:
        line.close()
    progress.finish(split, facts)
    return facts


def _write_regression(folder: Path, model: nn.Module) -> None:
    layer = model.get_submodule("roi_head.bbox_head.fc_reg")
    parts = {name: value.detach().float().cpu().numpy() for name, value in layer.named_parameters()}
    with (folder / REGRESSION_FILE).open("wb") as file:
        np.savez(file, weight=np.ascontiguousarray(parts["weight"]), bias=parts["bias"])


def _manifest(plan: Plan, folder: Path, facts: dict[str, SplitFacts]) -> Manifest:
    source, settings, stats = plan.source, plan.settings, ClassStats.from_file(plan.train)
    annotations: dict[Which, AnnotationFile] = {
        "train": AnnotationFile(path=str(plan.train.path), sha256=plan.train.digest),
        "val": AnnotationFile(path=str(plan.val.path), sha256=plan.val.digest),
    }
    subsets: tuple[tuple[Which, str], ...] = (("val", VAL_ANNOTATIONS), ("held_out", HELD_OUT_ANNOTATIONS))
    for name, file in subsets:
        if file in plan.subsets:
            annotations[name] = AnnotationFile(path=file, sha256=sha256_of(folder / file))
    return Manifest(
        name=source.name,
        run=source.run,
        stock=source.stock,
        checkpoint_sha256=source.checkpoint_sha256,
        annotations=annotations,
        num_classes=stats.num_classes,
        dimension=plan.dimension,
        precision=settings.precision,
        seed=settings.seed,
        rois=settings.rois,
        epochs_of_boxes=settings.epochs,
        held_out=settings.held_out,
        splits=facts,
        image_count=tuple(stats.image_count),
        instance_count=tuple(stats.instance_count),
        num_images=stats.num_images,
        categories=tuple(
            Category(id=category["id"], name=category["name"], frequency=category["frequency"])
            for category in plan.train.categories
        ),
        head=plan.head,
        regression=sha256_of(folder / REGRESSION_FILE),
    )
