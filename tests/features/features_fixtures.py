"""A finished run of a narrow detector with random weights, and features of it."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import small_model

from lt_bench.data import dataset as datasets
from lt_bench.features.model import use_mmdet
from lt_bench.features.pipeline import make_features
from lt_bench.features.plan import Settings, make_plan
from lt_bench.features.progress import ProgressFile
from lt_bench.features.source import of_run
from lt_bench.features.store import FeatureSet
from lt_bench.features.writer import SplitWriter
from lt_bench.leaderboard.schema_run import Init
from lt_bench.run.config import resolve
from lt_bench.run.experiment import Experiment, parse_assignments
from lt_bench.run.folder import RunFolder
from lt_bench.run.manifest import RunManifest, TrainingSummary

TRAIN_IMAGES, VAL_IMAGES, ROIS = 14, 5, 24
SETTINGS = Settings(rois=ROIS, epochs=2, precision="float32", held_out=0.3, seed=5)
PIPELINES = {
    # images of LVIS's kind of augmentation, small: they differ in size and shape, and some are flipped
    "train_dataloader.dataset.dataset.pipeline": [
        {"type": "LoadImageFromFile"},
        {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True},
        {"type": "RandomChoiceResize", "scales": [(96, 80), (112, 96), (160, 128)]},
        {"type": "RandomFlip", "prob": 0.5},
        {"type": "PackDetInputs"},
    ],
    "test_dataloader.dataset.pipeline": [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": (160, 128)},
        {"type": "PackDetInputs", "meta_keys": ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")},
    ],
    "train_dataloader.dataset.dataset.filter_cfg.min_size": 1,
    "+train_dataloader.dataset.dataset.indices": TRAIN_IMAGES,
    "+test_dataloader.dataset.indices": VAL_IMAGES,
    "train_dataloader.num_workers": 0,
    "test_dataloader.num_workers": 0,
    "train_dataloader.batch_size": 4,
    "images_per_device": 4,
    "model.rpn_head.anchor_generator.scales": [4],
    "model.test_cfg.rpn.max_per_img": 50,
}


def write_run(folder: Path, **changes: Any) -> Path:
    """What a run leaves in its folder, without its training: the detector has random weights, the classifier wide ones.

    changes: overrides of the config.
    """
    use_mmdet()
    from mmdet.registry import MODELS

    data = datasets.load(datasets.find("glyphs", None))
    overrides = {**parse_assignments(small_model()[1::2], "--set"), **PIPELINES, **changes}
    experiment = Experiment(loss="ce", dataset="lvis_v1", seed=3, init="random", max_iters=2, overrides=overrides)
    cfg = resolve(experiment, data.paths, data.train)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    torch.nn.init.normal_(model.roi_head.bbox_head.fc_cls.weight)  # scores and boxes that differ
    torch.nn.init.normal_(model.roi_head.bbox_head.fc_reg.weight, std=0.1)
    torch.nn.init.normal_(model.rpn_head.rpn_cls.weight)
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    torch.save({"state_dict": model.state_dict()}, folder / "iter_2.pth")
    run.checkpoint_pointer.write_text(str(folder / "iter_2.pth"))
    cfg.dump(str(run.config))
    run.write_manifest(
        RunManifest(
            experiment=experiment,
            digest=experiment.digest(),
            fingerprint="f" * 64,
            distribution="lt_bench 0",
            hyper_parameters={},
            init=Init(kind="random", description="random weights"),
            batch="",
            notes=(),
            started=datetime(2026, 3, 1, tzinfo=timezone.utc),
        )
    )
    run.write_summary(
        TrainingSummary(
            training_seconds=1.0,
            peak_memory_bytes=1,
            iterations=2,
            epochs=0,
            device="CPU",
            device_kind="cpu",
            device_count=1,
        )
    )
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run. Tests leave it as it is."""
    return write_run(tmp_path_factory.mktemp("features") / "run")


@pytest.fixture(scope="session")
def stored(finished: Path) -> FeatureSet:
    """Its features, in float32, made in one go. Tests leave them as they are."""
    return make_features(make_plan(of_run(finished), SETTINGS), finished.parent / "features")


def killed(run: Path, out: Path, name: str, times: int, chunk: int) -> None:
    """Make the same features in a process that is killed when a part of them has been called so often.

    name: a method of SplitWriter or ProgressFile, as "ProgressFile.commit".
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    kind, _, called = name.partition(".")
    owner: Any = {"SplitWriter": SplitWriter, "ProgressFile": ProgressFile}[kind]
    method = getattr(owner, called)
    calls = 0

    def counting(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == times:
            for file in getattr(arguments[0], "_files", {}).values():
                file.flush()  # the system keeps what a killed process has handed over
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments)

    setattr(owner, called, counting)
    make_features(make_plan(of_run(run), replace(SETTINGS, images_per_chunk=chunk)), out)
