"""A plan says what will run, and finds mistakes before anything is computed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from experiments import resolved, small_dataset, write_annotations

from lt_bench.data.dataset import Dataset
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.operators import Operators
from lt_bench.run import plan
from lt_bench.run.experiment import Experiment
from lt_bench.run.plan import make_plan


def test_the_plan_says_what_the_model_is_asked_for(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    asked = {
        value: Experiment(
            "ecm",
            dataset="lvis_v1",
            init="random",
            detections_per_image=1000,
            overrides={"model.test_cfg.rcnn.max_per_img": value} if value else {},
        )
        for value in (None, 2000)
    }
    manifests = {value: make_plan(experiment, dataset, None, None).manifest for value, experiment in asked.items()}
    assert {value: manifest.detections_per_image for value, manifest in manifests.items()} == {None: 1000, 2000: 2000}


def test_plans_for_other_devices_share_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = small_dataset(tmp_path)
    experiment = Experiment("ecm", dataset="lvis_v1", init="random")
    plans = [make_plan(experiment, dataset, devices, images) for devices, images in ((1, None), (2, None), (1, 16))]
    assert [plan.manifest.batch for plan in plans] == [
        "1 device(s) x 2 images x 8 accumulated",
        "2 device(s) x 2 images x 4 accumulated",
        "1 device(s) x 16 images x 1 accumulated",
    ]
    assert len({plan.manifest.fingerprint for plan in plans}) == 1
    assert len({plan.manifest.digest for plan in plans}) == 1


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"optim_wrapper": 5}, "--set spoils the config"),
        ({"train_dataloader": None}, "--set spoils the config"),
        ({"train_dataloader.batch_size": 0}, "train_dataloader.batch_size is 0"),
        ({"images_per_device": "abc"}, "images_per_device is 'abc'"),
        ({"model.test_cfg.rcnn.max_per_img": "many"}, "(?s)--set spoils the config.*detections_per_image"),
    ],
)
def test_a_spoilt_config_is_a_mistake(tmp_path: Path, overrides: dict[str, object], said: str) -> None:
    dataset = small_dataset(tmp_path)
    experiment = Experiment("ecm", dataset="lvis_v1", init="random", overrides=overrides, detections_per_image=1000)
    with pytest.raises(UserError, match=said):
        make_plan(experiment, dataset, None, None)


@pytest.mark.parametrize(
    "overrides",
    [
        {"model.test_cfg.rcnn.nms.type": "soft_nms"},
        {"+model.roi_head.mask_roi_extractor.roi_layer.pool_mode": "max"},
    ],
)
def test_an_operator_that_is_not_here_is_missed_before_training(
    tmp_path: Path, overrides: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = small_dataset(tmp_path)
    experiment = Experiment("ecm", dataset="lvis_v1", init="random", overrides=overrides)
    few = Operators("torchvision", "0.28.0", None, soft_nms=False, max_pooling=False, remedy="compile all of mmcv")
    monkeypatch.setattr(plan, "in_use", lambda: few)
    with pytest.raises(UserError) as caught:
        make_plan(experiment, dataset, None, None)
    assert repr(next(iter(overrides.values()))) in caught.value.message
    assert "operators by torchvision 0.28.0 lack" in caught.value.message
    assert caught.value.remedy == "compile all of mmcv"
    monkeypatch.setattr(plan, "in_use", lambda: replace(few, soft_nms=True, max_pooling=True))
    make_plan(experiment, dataset, None, None)


def test_missing_operators_and_operators_without_a_gpu_are_missed_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg, _ = resolved(tmp_path)
    operators = Operators("compiled", "2.3.6", None, True, True, "")
    plan._check_operators(cfg, operators, cuda=False)
    with pytest.raises(UserError, match="for CPUs only, but this machine has a GPU"):
        plan._check_operators(cfg, operators, cuda=True)

    def missing() -> Operators:
        raise ImportError("nothing stands in for them")

    monkeypatch.setattr(plan, "in_use", missing)
    dataset = small_dataset(tmp_path)
    with pytest.raises(UserError, match=r"(?s)nothing stands in.*lt_bench doctor"):
        make_plan(Experiment("ecm", dataset="lvis_v1", init="random"), dataset, None, None)


def test_images_of_several_sizes_are_predicted_one_by_one(tmp_path: Path) -> None:
    """In a batch they are padded to the largest, which moves what is predicted, and no fingerprint says it."""
    of_four = Experiment("ecm", dataset="lvis_v1", init="random", overrides={"test_dataloader.batch_size": 4})
    paths = write_annotations(tmp_path)
    make_plan(of_four, Dataset(paths, load(paths.train), load(paths.val)), None, None)
    content = json.loads(paths.val.read_text(encoding="utf-8"))
    content["images"][0]["width"] += 1
    paths.val.write_text(json.dumps(content), encoding="utf-8")
    data = Dataset(paths, load(paths.train), load(paths.val))
    with pytest.raises(UserError, match=r"test_dataloader\.batch_size is 4.*several sizes"):
        make_plan(of_four, data, None, None)
    make_plan(replace(of_four, overrides={}), data, None, None)
