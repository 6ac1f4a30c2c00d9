"""The whole of it: steps of the probe are iterations of mmdet's own training with all but the classifier frozen.

The detector is built from a run's config and passed over drawn images; its features are stored as `features` stores
them. Sampling budgets are so large that both sides take every RoI.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from features_fixtures import PIPELINES, SETTINGS, write_run
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS

from lt_bench.features.pipeline import make_features
from lt_bench.features.plan import make_plan
from lt_bench.features.source import of_run
from lt_bench.features.store import FeatureSet, open_features
from lt_bench.probe import one
from lt_bench.probe.head import build_head
from lt_bench.probe.plan import Planner, ProbeRun
from lt_bench.probe.sampling import ImageOrder, repeats
from lt_bench.probe.settings import Settings
from lt_bench.run.config import resolve
from lt_bench.run.experiment import Experiment

STEPS, ALL = 6, 100_000
PIPELINE = "train_dataloader.dataset.dataset.pipeline"
OWN_PIPELINE: Any = PIPELINES[PIPELINE]
EVERY_ROI = {
    # of one size: mmdet pads the images of a batch to the largest, and what is beside an image is seen from within
    PIPELINE: [{**step, **({"scales": [(200, 96)]} if "scales" in step else {})} for step in OWN_PIPELINE],
    "model.train_cfg.rcnn.sampler.num": ALL,
    "model.train_cfg.rcnn.sampler.pos_fraction": 1.0,
    "model.backbone.norm_eval": True,  # frozen like the rest
}


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FeatureSet]:
    """A run, and its features in two epochs of boxes."""
    folder = tmp_path_factory.mktemp("frozen")
    run = write_run(folder / "run", **EVERY_ROI)
    plan = make_plan(of_run(run), replace(SETTINGS, rois=ALL, held_out=0.0))
    make_features(plan, folder / "features")
    return run, open_features(folder / "features")


def start(run: ProbeRun, features: FeatureSet) -> Any:
    """The head that a run begins with."""
    loss, probe = run.config["loss"], run.config["probe"]
    counts = {key: loss[key] for key in ("image_count", "instance_count", "num_images")}
    return build_head(
        {"loss": run.loss, "hyper_parameters": dict(run.given), **counts},
        probe["classifier"],
        probe["test"]["coder"],
        probe["test"]["class_agnostic"],
        features.regression(),
        run.seed,
    )


def by_mmdet(folder: Path, features: FeatureSet, run: ProbeRun, recipe: str) -> Any:
    """The classifier after mmdet's training steps, with the optimizer and schedulers of `run --max-iters`."""
    from mmdet.registry import MODELS

    from lt_bench.features.images import training_images

    cfg = Config.fromfile(str(folder / "config.py"), lazy_import=False)
    model = MODELS.build(cfg.model)
    model.load_state_dict(torch.load(folder / "iter_2.pth", weights_only=True)["state_dict"])
    head = start(run, features)
    box_head = model.roi_head.bbox_head
    model.roi_head.mask_head = None
    model.requires_grad_(False)
    box_head.fc_cls, box_head.loss_cls = head.fc_cls, head.loss_cls
    model.train()
    experiment = Experiment(loss="ce", dataset="lvis_v1", recipe=recipe, init="random", max_iters=STEPS)
    solver = _resolved(experiment)
    wrapper = build_optim_wrapper(model, solver.optim_wrapper)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(scheduler), default_args={"optimizer": wrapper})
        for scheduler in solver.param_scheduler
    ]
    epochs = [training_images(cfg, SETTINGS.seed, epoch) for epoch in range(SETTINGS.epochs)]
    sampler = run.config["probe"]["sampler"]
    order = ImageOrder(repeats(features.split("train_0"), sampler["repeat_factor"]), 16, run.seed)
    for step in range(STEPS):
        data = [epochs[epoch % 2][image] for epoch, images in order.at(step) for image in images.tolist()]
        model.train_step(pseudo_collate(data), wrapper)
        for scheduler in schedulers:
            scheduler.step()
    return box_head


def _resolved(experiment: Experiment) -> Any:
    from lt_bench.data import dataset as datasets

    data = datasets.load(datasets.find("glyphs", None))
    return resolve(experiment, data.paths, data.train)


@pytest.mark.parametrize(
    ("loss", "recipe"),
    [
        ("ce", "plain"),
        ("seesaw", "common"),
        pytest.param("federated", "common", marks=pytest.mark.slow),
        pytest.param("eqlv2", "plain", marks=pytest.mark.slow),
        pytest.param("ecm", "common", marks=pytest.mark.slow),
    ],
)
def test_steps_are_mmdets_iterations(loss: str, recipe: str, detector: tuple[Path, FeatureSet], tmp_path: Path) -> None:
    folder, features = detector
    run = Planner(features, Settings(recipe=recipe, steps=STEPS)).run(loss, {}, 4, tmp_path)
    expected = by_mmdet(folder, features, run, recipe)
    before = start(run, features).fc_cls.state_dict()
    head, _ = one._train(run, features, "cpu", lambda share: None)
    for name, value in head.fc_cls.state_dict().items():
        other = expected.fc_cls.state_dict()[name]
        moved = float((other - before[name]).abs().max())
        assert moved > 1e-4
        torch.testing.assert_close(value, other, rtol=0, atol=1e-3 * moved)
    for name, value in head.loss_cls.state_dict().items():  # the state of the loss
        torch.testing.assert_close(value, expected.loss_cls.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_every_roi_was_stored_and_is_drawn(detector: tuple[Path, FeatureSet], tmp_path: Path) -> None:
    _, features = detector
    run = Planner(features, Settings(steps=STEPS)).run("ce", {}, 4, tmp_path)
    batches, _ = one._batches(run, features)
    split = features.split("train_0")
    drawn, labels = batches.at(0)
    rois = np.diff(split.first)
    images = np.concatenate([part for _, part in batches._order.at(0)])
    assert len(drawn) == rois[images].sum() > 16 * 20
    assert (labels < features.manifest.num_classes).sum() > 16
    assert len(set(rois.tolist())) > 1
