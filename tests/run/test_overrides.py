"""What --set may not change: whatever would leave a record that says something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiments import resolved, write_annotations

from lt_bench.data.dataset import Dataset
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.run.experiment import Experiment
from lt_bench.run.overrides import refuse_contradictions, refuse_not_finite, refuse_untold
from lt_bench.run.plan import make_plan

HEADS = "model.roi_head.bbox_head"


@pytest.mark.parametrize(
    ("overrides", "option"),
    [
        ({"randomness.seed": 5}, "--seed"),
        ({"randomness": {"seed": 5}}, "--seed"),
        ({"resume": True}, "--resume"),
        ({"work_dir": "elsewhere"}, "--work-dir"),
        ({"launcher": "slurm"}, "--gpus"),
        ({"test_evaluator.type": "Other"}, "predictions are written as they are"),
        ({"train_dataloader.dataset.dataset.ann_file": "other.json"}, "--data-root"),
        ({"test_dataloader": {"dataset": {"data_root": "elsewhere"}}}, "--data-root"),
        ({"+test_dataloader.dataset.data_prefix.img": "x"}, "--data-root"),
        ({"+test_dataloader.dataset.exclude": [3]}, "--exclude-images"),
        ({"+optim_wrapper.accumulative_counts": 3}, "--images-per-device"),
        ({"+model.backbone.pretrained": "torchvision://resnet50"}, "init_cfg"),
        ({"+model.init_cfg": [{"pretrained": "x.pth"}]}, "init_cfg"),
    ],
)
def test_what_another_option_is_for(overrides: dict[str, Any], option: str) -> None:
    with pytest.raises(UserError, match="can't change") as caught:
        refuse_untold(Experiment("ce", dataset="lvis_v1", overrides=overrides))
    assert option in caught.value.remedy


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_what_no_config_can_hold(number: float) -> None:
    for value in (number, [1.0, number], {"lr": {"max": (number,)}}):
        with pytest.raises(UserError, match=r"--set optim_wrapper\.optimizer holds (inf|-inf|nan)"):
            refuse_not_finite(Experiment("ce", overrides={"optim_wrapper.optimizer": value}))
    with pytest.raises(UserError, match="--loss-set gamma holds"):
        refuse_not_finite(Experiment("focal", hyper_parameters={"gamma": number}))
    refuse_not_finite(Experiment("focal", hyper_parameters={"gamma": 2.0}, overrides={"a": [1e300, {"b": "inf"}]}))


def test_everything_else_may_be_changed() -> None:
    overrides = {
        "randomness.deterministic": True,
        "train_dataloader.dataset.dataset.indices": 8,
        "model.backbone": {"depth": 18, "init_cfg": {"type": "Pretrained", "checkpoint": "x.pth"}},
        "load_from": "x.pth",
        "resume_of_mine": 1,
    }
    refuse_untold(Experiment("ce", dataset="lvis_v1", overrides=overrides))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{HEADS}.loss_cls.loss", "focal"),
        (f"+{HEADS}.loss_cls.loss_weight", 2.0),
        (HEADS, {"loss_cls": {"hyper_parameters": {"gamma": 1.0}}}),
        ("model.roi_head", {"bbox_head": {"loss_cls": {"loss": "focal"}}}),
        ("model", {"roi_head": {"bbox_head": {"loss_cls": {"type": "FocalLoss"}}}}),
    ],
)
def test_the_loss_under_test_stays_however_it_is_reached(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(UserError, match="the loss under test") as caught:
        resolved(tmp_path, overrides={key: value})
    assert "--loss-set" in caught.value.remedy


@pytest.mark.parametrize("stage", ["0", "2"])
def test_so_does_the_loss_of_every_stage(tmp_path: Path, stage: str) -> None:
    for overrides in ({f"{HEADS}.{stage}.loss_cls.loss": "ce"}, {HEADS: {stage: {"loss_cls": {"loss": "ce"}}}}):
        with pytest.raises(UserError, match="the loss under test"):
            resolved(tmp_path, detector="cascade_mask_rcnn", overrides=overrides)


def test_what_was_asked_for_is_not_changed_by_asking(tmp_path: Path) -> None:
    overrides = {"model.neck": {"_delete_": True, "type": "FPN"}}
    cfg, _ = resolved(tmp_path, overrides=overrides)
    assert (dict(cfg.model.neck), overrides["model.neck"]) == ({"type": "FPN"}, {"_delete_": True, "type": "FPN"})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"optim_wrapper.type": "AmpOptimWrapper"}, "--amp"),
        ({"randomness": {"_delete_": True}}, "--seed"),
        ({"custom_hooks": []}, "FiniteLossHook"),
        ({"custom_hooks": [{"type": "FiniteLossHook"}]}, "RunMeterHook"),
    ],
)
def test_what_contradicts_the_arguments(tmp_path: Path, overrides: dict[str, Any], said: str) -> None:
    experiment = Experiment("ecm", dataset="lvis_v1", overrides=overrides)
    cfg, _ = resolved(tmp_path, overrides=overrides)
    with pytest.raises(UserError) as caught:
        refuse_contradictions(cfg, experiment)
    assert said in str(caught.value)
    cfg, _ = resolved(tmp_path)
    refuse_contradictions(cfg, Experiment("ecm", dataset="lvis_v1"))


def test_a_plan_refuses_both(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
    refused: tuple[dict[str, Any], ...] = ({"resume": True}, {"custom_hooks": []})
    for overrides in refused:
        with pytest.raises(UserError, match="--set"):
            make_plan(Experiment("ce", dataset="lvis_v1", init="random", overrides=overrides), dataset, None, None)


def test_a_plan_notes_that_a_part_of_the_images_is_predicted(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
    for indices, noted in ((1, True), (-1, True), ([0], True), (2, False)):
        overrides = {"+test_dataloader.dataset.indices": indices}
        experiment = Experiment("ce", dataset="lvis_v1", init="random", overrides=overrides)
        notes = make_plan(experiment, dataset, None, None).manifest.notes
        assert any("1 of 2 validation images predicted" in note for note in notes) is noted
