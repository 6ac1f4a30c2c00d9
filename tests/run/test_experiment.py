"""Experiments: layers, overrides, digests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from experiments import resolved, write_annotations

from lt_bench.data.dataset import Dataset
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.leaderboard.store import read
from lt_bench.operators import Operators
from lt_bench.run import plan
from lt_bench.run.config import backbone_weights
from lt_bench.run.experiment import BACKBONES, DETECTORS, SCHEDULES, Experiment, parse_assignments
from lt_bench.run.fingerprint import EXACT_REPLACEMENTS, fingerprint, weights_id
from lt_bench.run.plan import make_plan

RESULTS = Path(__file__).parents[2] / "leaderboards" / "results"
LOSSES = ("ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw")


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        ({"loss": "emc"}, "no loss 'emc'", "did you mean 'ecm'"),
        ({"loss": "ecm", "backbone": "r05"}, "no backbone 'r05'", "did you mean 'r50'"),
        ({"loss": "ecm", "schedule": "3x"}, "no schedule '3x'", "known: 1x, 2x"),
        ({"loss": "ecm", "detector": "mask_rcn"}, "no detector", "did you mean 'mask_rcnn'"),
        ({"loss": "ecm", "dataset": "glyph"}, "no data set", "did you mean 'glyphs'"),
        ({"loss": "ecm", "recipe": "papers"}, "no recipe", "did you mean 'paper'"),
        ({"loss": "ecm", "init": "randm"}, "no init", "did you mean 'random'"),
        ({"loss": "ecm", "hyper_parameters": {"fg_bg_rato": 1.0}}, "no hyper-parameter", "did you mean 'fg_bg_ratio'"),
        ({"loss": "ecm", "max_iters": 0}, "--max-iters is 0", "at least 1"),
    ],
)
def test_unknown_names_are_refused(arguments: dict[str, object], message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        Experiment(**arguments)  # type: ignore[arg-type]
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_digest_is_the_same_in_every_process() -> None:
    experiment = Experiment("ecm", overrides={"a.b": 1, "c": [1, 2]}, hyper_parameters={"fg_bg_ratio": 2.0})
    code = (
        "from lt_bench.run.experiment import Experiment;"
        "print(Experiment('ecm', overrides={'c': [1, 2], 'a.b': 1}, hyper_parameters={'fg_bg_ratio': 2.0}).digest())"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            (sys.executable, "-c", code),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == experiment.digest()
    assert Experiment("ecm", seed=1).digest() != Experiment("ecm").digest()


def test_detections_an_image_are_part_of_the_protocol(tmp_path: Path) -> None:
    assert Experiment("ecm").folder_name() == "glyphs/ecm_mask_rcnn_r50_1x_d8ec7b164e01"  # of an earlier version
    assert Experiment("ecm", detections_per_image=1000).digest() != Experiment("ecm").digest()
    for detector in DETECTORS:
        usual, digests = resolved(tmp_path, detector=detector)
        more, _ = resolved(tmp_path, detector=detector, detections_per_image=1000)
        assert (usual.model.test_cfg.rcnn.max_per_img, more.model.test_cfg.rcnn.max_per_img) == (300, 1000)
        assert fingerprint(usual, digests) != fingerprint(more, digests)
    chosen, _ = resolved(tmp_path, detections_per_image=1000, overrides={"model.test_cfg.rcnn.max_per_img": 2000})
    assert chosen.model.test_cfg.rcnn.max_per_img == 2000


def test_the_plan_says_what_the_model_is_asked_for(tmp_path: Path) -> None:
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
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
    facts = {value: make_plan(experiment, dataset, None, None).facts for value, experiment in asked.items()}
    assert {value: plan["detections_per_image"] for value, plan in facts.items()} == {None: 1000, 2000: 2000}


def test_assignments() -> None:
    parsed = parse_assignments(["a.b=1", "c=[1, 2]", "d=true", "e=none", "f=some text", "g=x=y", "h=1e-3"], "--set")
    assert parsed == {"a.b": 1, "c": [1, 2], "d": True, "e": None, "f": "some text", "g": "x=y", "h": 1e-3}
    for bad in (["novalue"], ["=3"], ["a=1", "a=2"]):
        with pytest.raises(UserError):
            parse_assignments(bad, "--set")


def test_set_reaches_any_key(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, overrides={"optim_wrapper.optimizer.lr": 0.01, "param_scheduler.0.end": 7})
    assert cfg.optim_wrapper.optimizer.lr == 0.01
    assert cfg.param_scheduler[0].end == 7
    assert cfg.param_scheduler[1].milestones == [8, 11]


@pytest.mark.parametrize("key", ["optim_wrapper.optimiser.lr", "optim_wraper", "param_scheduler.2.end", "seed"])
def test_set_refuses_an_unknown_key(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match="has no") as caught:
        resolved(tmp_path, overrides={key: 1})
    assert f"--set +{key}" in caught.value.remedy


def test_set_can_add_a_key(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, overrides={"+train_dataloader.dataset.dataset.indices": 8})
    assert cfg.train_dataloader.dataset.dataset.indices == 8


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_combination_resolves(tmp_path: Path, detector: str, backbone: str, schedule: str) -> None:
    cfg, _ = resolved(tmp_path, detector=detector, backbone=backbone, schedule=schedule)
    assert cfg.model.backbone.init_cfg.checkpoint == backbone_weights(backbone)


@pytest.mark.parametrize("dataset", ["lvis_v0.5", "glyphs", "glyphs-1203"])
@pytest.mark.parametrize("detector", DETECTORS)
def test_every_data_set_resolves(tmp_path: Path, dataset: str, detector: str) -> None:
    cfg, _ = resolved(tmp_path, dataset=dataset, detector=detector)
    assert "rcnn_budget" not in cfg.model.train_cfg


PAPER = {  # sampler, classifier, mask predictor, prior, warm-up iterations, start factor, clip, hyper-parameters
    "ce": (1e-3, "Linear", "Conv", None, 500, 1e-3, None, {}),
    "focal": (None, "Linear", "Conv", 0.01, 500, 1e-3, None, {}),
    "eql": (None, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "eqlv2": (None, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "seesaw": (None, "NormedLinear", "Conv", None, 500, 1e-3, None, {"reduce_counts": False}),
    "federated": (1e-3, "Linear", "Conv", 0.01, 4000, 2.5e-4, {"type": "value", "clip_value": 1.0}, {}),
    "ecm": (
        1e-3,
        "NormedLinear",
        "NormedConv2d",
        None,
        10000,
        1e-4,
        {"max_norm": 5, "norm_type": 2},
        {"float32_weights": True},
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_paper_recipe_is_the_authors(tmp_path: Path, loss: str) -> None:
    cfg, _ = resolved(tmp_path, loss=loss, recipe="paper", schedule="2x")
    threshold, classifier, mask, prior, warmup, factor, clip, hyper_parameters = PAPER[loss]
    assert cfg.train_dataloader.dataset.get("oversample_thr") == threshold
    head = cfg.model.roi_head.bbox_head
    assert (head.cls_predictor_cfg.type, head.prior_prob) == (classifier, prior)
    assert cfg.model.roi_head.mask_head.predictor_cfg.type == mask
    assert (cfg.param_scheduler[0].end - 1, cfg.param_scheduler[0].start_factor) == (warmup, factor)
    assert cfg.param_scheduler[1].milestones == ([20, 22] if loss == "ecm" else [16, 22])
    assert cfg.optim_wrapper.get("clip_grad") == clip
    assert cfg.optim_wrapper.optimizer == {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4}
    assert head.loss_cls.hyper_parameters == hyper_parameters


def test_random_weights_train_every_layer(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, init="random")
    assert cfg.model.backbone.init_cfg is None
    assert (cfg.model.backbone.frozen_stages, cfg.model.backbone.norm_eval) == (-1, False)


# ---- fingerprint ----


def _fingerprint(folder: Path, **arguments: object) -> str:
    cfg, digests = resolved(folder, **arguments)
    return fingerprint(cfg, digests)


def test_fingerprint_ignores_loss_seed_and_paths(tmp_path: Path) -> None:
    expected = _fingerprint(tmp_path / "a")
    assert _fingerprint(tmp_path / "b") == expected
    assert _fingerprint(tmp_path / "a", seed=3) == expected
    for loss in LOSSES:
        assert _fingerprint(tmp_path / "a", loss=loss) == expected
    assert _fingerprint(tmp_path / "a", hyper_parameters={"fg_bg_ratio": 2.0}) == expected


def test_plans_for_other_devices_share_the_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
    experiment = Experiment("ecm", dataset="lvis_v1", init="random")
    plans = [make_plan(experiment, dataset, devices, images) for devices, images in ((1, None), (2, None), (1, 16))]
    assert [plan.batch for plan in plans] == [
        "1 device(s) x 2 images x 8 accumulated",
        "2 device(s) x 2 images x 4 accumulated",
        "1 device(s) x 16 images x 1 accumulated",
    ]
    assert len({plan.facts["fingerprint"] for plan in plans}) == 1
    assert len({plan.facts["digest"] for plan in plans}) == 1


def test_fingerprint_ignores_workers(tmp_path: Path) -> None:
    assert _fingerprint(tmp_path, overrides={"train_dataloader.num_workers": 0}) == _fingerprint(tmp_path)


@pytest.mark.parametrize("key", ["model.roi_head.bbox_head.loss_cls.loss", "+model.roi_head.bbox_head.loss_cls.x"])
def test_the_loss_is_chosen_by_its_own_options(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match="the loss under test"):
        resolved(tmp_path, overrides={key: "ce"})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"optim_wrapper": 5}, "--set spoils the config"),
        ({"train_dataloader": None}, "--set spoils the config"),
        ({"train_dataloader.batch_size": 0}, "train_dataloader.batch_size is 0"),
        ({"images_per_device": "abc"}, "images_per_device is 'abc'"),
    ],
)
def test_a_spoilt_config_is_a_mistake(tmp_path: Path, overrides: dict[str, object], said: str) -> None:
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
    experiment = Experiment("ecm", dataset="lvis_v1", init="random", overrides=overrides)
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
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
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
    paths = write_annotations(tmp_path)
    dataset = Dataset(paths, load(paths.train), load(paths.val))
    with pytest.raises(UserError, match=r"(?s)nothing stands in.*lt_bench doctor"):
        make_plan(Experiment("ecm", dataset="lvis_v1", init="random"), dataset, None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"schedule": "2x"},
        {"backbone": "r101"},
        {"detector": "cascade_mask_rcnn"},
        {"recipe": "paper", "loss": "seesaw"},
        {"amp": True},
        {"init": "random"},
        {"max_iters": 100},
        {"exclude": (1,)},
        {"overrides": {"train_dataloader.batch_size": 8}},
        {"overrides": {"model.test_cfg.rcnn.max_per_img": 100}},
        {"overrides": {"train_dataloader.dataset.oversample_thr": 1e-2}},
        {"overrides": {"model.backbone.init_cfg.checkpoint": "https://example.org/other-01234567.pth"}},
    ],
)
def test_fingerprint_sees_what_moves_ap(tmp_path: Path, arguments: dict[str, object]) -> None:
    assert _fingerprint(tmp_path, **arguments) != _fingerprint(tmp_path)


def test_fingerprint_sees_the_annotations(tmp_path: Path) -> None:
    cfg, digests = resolved(tmp_path)
    other = {path: "0" * 64 for path in digests}
    assert fingerprint(cfg, other) != fingerprint(cfg, digests)


def test_published_rows_are_of_the_recipe_as_it_is(tmp_path: Path) -> None:
    """The published fingerprint, from today's config and the digests in the record: new rows join the old table."""
    record = read(sorted((RESULTS / "glyphs/mask_rcnn_r50_1x_common").glob("ce_*.json"))[0])
    cfg, digests = resolved(tmp_path, dataset="glyphs", classes=record.data.classes)
    names = {"train": record.data.train_annotations, "val": record.data.val_annotations}
    published = {path: names["train" if "train" in Path(path).name else "val"] for path in digests}
    assert fingerprint(cfg, published) == record.fingerprint


def test_exact_replacements_have_the_fingerprint_of_what_they_replace(tmp_path: Path) -> None:
    cfg, digests = resolved(tmp_path)
    expected = fingerprint(cfg, digests)
    for ours, stock in EXACT_REPLACEMENTS.items():
        for node in (cfg.model.roi_head.mask_head, cfg.model.roi_head, cfg.train_dataloader.dataset):
            if node.type in (ours, stock):
                node.type = stock
                assert fingerprint(cfg, digests) == expected
                node.type = ours
                assert fingerprint(cfg, digests) == expected
    cfg.model.roi_head.mask_head.type = "CoarseMaskHead"
    assert fingerprint(cfg, digests) != expected


def test_local_weights_count_by_content(tmp_path: Path) -> None:
    import hashlib

    content = b"weights"
    name = hashlib.sha256(content).hexdigest()[:8]
    local = tmp_path / "mine.pth"
    local.write_bytes(content)
    assert weights_id(str(local)) == name == weights_id(f"https://example.org/resnet50-{name}.pth")
