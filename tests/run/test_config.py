"""The config of an experiment: layers, recipes, --set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from experiments import resolved, write_annotations

from lt_bench.api.registry import get_info
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.leaderboard.fingerprint import innermost_dataset
from lt_bench.run.config import backbone_weights, resolve
from lt_bench.run.experiment import BACKBONES, DETECTORS, SCHEDULES, Experiment


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


@pytest.mark.parametrize("key", ["model.roi_head.bbox_head.loss_cls.loss", "+model.roi_head.bbox_head.loss_cls.x"])
def test_the_loss_is_chosen_by_its_own_options(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match="the loss under test"):
        resolved(tmp_path, overrides={key: "ce"})


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_combination_resolves(tmp_path: Path, detector: str, backbone: str, schedule: str) -> None:
    cfg, _ = resolved(tmp_path, detector=detector, backbone=backbone, schedule=schedule)
    assert cfg.model.backbone.init_cfg.checkpoint == backbone_weights(backbone)


@pytest.mark.parametrize("dataset", ["lvis_v0.5", "glyphs", "glyphs-lt", "glyphs-1203"])
@pytest.mark.parametrize("detector", DETECTORS)
def test_every_data_set_resolves(tmp_path: Path, dataset: str, detector: str) -> None:
    cfg, _ = resolved(tmp_path, dataset=dataset, detector=detector)
    assert "rcnn_budget" not in cfg.model.train_cfg
    if detector == "faster_rcnn":
        assert "mask" not in str(cfg.model.to_dict())
        assert not any(step.get("with_mask") for step in innermost_dataset(cfg.train_dataloader)["pipeline"])


PAPER = {  # sampler, classifier, mask predictor, prior, warm-up iterations, start factor, clip, hyper-parameters
    "ce": (1e-3, "Linear", "Conv", None, 500, 1e-3, None, {}),
    "focal": (None, "Linear", "Conv", 0.01, 500, 1e-3, None, {}),
    "eql": (None, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "eqlv2": (None, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "seesaw": (None, "NormedLinear", "Conv", None, 500, 1e-3, None, {"reduce_counts": False}),
    "federated": (1e-3, "Linear", "Conv", 0.01, 4000, 2.5e-4, {"type": "value", "clip_value": 1.0}, {}),
    "ldam": (None, "NormedLinear", "Conv", None, 500, 1e-3, None, {"drw": True}),
    "efl": (1e-3, "Linear", "Conv", 0.001, 500, 1e-3, None, {"float32_probability": True}),
    "acsl": (None, "Linear", "Conv", 0.01, 500, 1e-3, {"max_norm": 35, "norm_type": 2}, {}),
    "bags": (None, "Linear", "Conv", None, 500, 1e-3, {"max_norm": 35, "norm_type": 2}, {}),
    "loce": (None, "Linear", "NormedConv2d", None, 500, 1e-3, None, {}),
    "bce": (None, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "balanced_softmax": (1e-3, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "logit_adjustment": (None, "Linear", "Conv", None, 500, 1e-3, None, {}),
    "class_balanced": (None, "Linear", "Conv", None, 500, 1e-3, None, {}),
    "iif": (1e-3, "NormedLinear", "NormedConv2d", None, 500, 1e-3, None, {"variant": "base10_obj"}),
    "droploss": (None, "Linear", "Conv", 0.001, 500, 1e-3, None, {}),
    "gumbel_ce": (None, "Linear", "Conv", None, 500, 1e-3, None, {"official_numerics": True}),
    "gol": (1e-3, "Linear", "NormedConv2d", None, 500, 1e-3, None, {"official_gradient": True}),
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


OFFICIAL: list[tuple[str, str, Any]] = [
    ("logit_adjustment", "tau", 1.0),
    ("ldam", "max_m", 0.5),
    ("ldam", "s", 30.0),
    ("ldam", "beta", 0.9999),
    ("ldam", "drw_from", 160 / 200),
    ("class_balanced", "gamma", 1.0),
    ("droploss", "lambda_", 0.0010062),
    ("bags", "others_sample_ratio", 8.0),
    ("bags", "borders", (10, 100, 1000)),
    ("acsl", "score_thr", 0.7),
    ("acsl", "rare_share", 0.01),
    ("acsl", "common_share", 0.1),
    ("efl", "focal_gamma", 2.0),
    ("efl", "focal_alpha", 0.25),
    ("efl", "scale_factor", 8.0),
    ("loce", "alpha", 0.9),
    ("loce", "bg_score", 0.01),
    ("gol", "lambda_", 0.0011),
    ("gol", "clamp_low", -4.0),
    ("gol", "clamp_high", 10.0),
    ("gumbel_ce", "clamp_low", -4.0),
    ("gumbel_ce", "clamp_high", 10.0),
]


@pytest.mark.parametrize("loss", PAPER)
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
    rate = 0.01 if loss == "bags" else 0.02
    assert cfg.optim_wrapper.optimizer == {"type": "SGD", "lr": rate, "momentum": 0.9, "weight_decay": 1e-4}
    assert head.loss_cls.hyper_parameters == hyper_parameters
    constants = {
        "iif": {"weight": 0.001, "bias": 0},
        "gol": {"weight": 0.001, "bias": -2},
        "gumbel_ce": {"weight": 0.001, "bias": -2},
    }
    assert head.get("classifier_init") == constants.get(loss)
    temperature = {"ldam": 1, "iif": 8}.get(loss, 20 if classifier == "NormedLinear" else None)
    assert head.cls_predictor_cfg.get("temperature") == temperature
    assert cfg.model.roi_head.mask_head.predictor_cfg.get("temperature") == (20 if mask == "NormedConv2d" else None)
    assert cfg.model.test_cfg.rcnn.nms.iou_threshold == (0.3 if loss == "gol" else 0.5)


@pytest.mark.parametrize(("loss", "name", "official"), OFFICIAL)
def test_defaults_are_the_official_ones_on_lvis(loss: str, name: str, official: Any) -> None:
    """Those that the recipe `paper` does not set."""
    assert get_info(loss).hyper_parameters[name] == official


def test_random_weights_train_every_layer(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, init="random")
    assert cfg.model.backbone.init_cfg is None
    assert (cfg.model.backbone.frozen_stages, cfg.model.backbone.norm_eval) == (-1, False)


@pytest.mark.parametrize(
    ("loss", "value"), [("eql", {"lambda_": 51.0}), ("federated", {"num_sample_cats": 1}), ("ce", {})]
)
def test_the_common_recipe_takes_from_the_data_what_is_tied_to_it(
    tmp_path: Path, loss: str, value: dict[str, float]
) -> None:
    """Two images and three classes: 101 of 2 to two digits; 50 of 1,203 classes."""
    cfg, _ = resolved(tmp_path, loss=loss)
    assert cfg.model.roi_head.bbox_head.loss_cls.hyper_parameters == value


def test_a_hyper_parameter_that_is_set_stays(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, loss="eql", hyper_parameters={"lambda_": 0.25})
    assert cfg.model.roi_head.bbox_head.loss_cls.hyper_parameters == {"lambda_": 0.25}


def test_auto_can_be_asked_for_by_name(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, loss="eql", recipe="paper", hyper_parameters={"lambda_": "auto"})
    assert cfg.model.roi_head.bbox_head.loss_cls.hyper_parameters == {"lambda_": 51.0}


# --- the data set glyphs-lt: 150 classes in 3,000 images


@pytest.mark.parametrize(
    ("loss", "value"), [("eql", {"lambda_": 0.034}), ("federated", {"num_sample_cats": 6}), ("ce", {})]
)
@pytest.mark.parametrize("recipe", ["common", "plain"])
def test_at_another_scale_hyper_parameters_are_others(
    tmp_path: Path, recipe: str, loss: str, value: dict[str, float]
) -> None:
    """A frequent class is in 101 of 3,000 images or more; 6 of 150 classes are LVIS's share, 50 of 1,203."""
    cfg, _ = resolved(tmp_path, 150, 3000, dataset="glyphs-lt", recipe=recipe, loss=loss)
    assert cfg.model.roi_head.bbox_head.loss_cls.hyper_parameters == value


@pytest.mark.parametrize(
    ("recipe", "loss", "threshold"),
    [("common", "ecm", 0.033), ("plain", "ecm", None), ("paper", "ce", 0.033), ("paper", "eqlv2", None)],
)
def test_its_threshold_for_repeat_factors_follows_from_the_data(
    tmp_path: Path, recipe: str, loss: str, threshold: float | None
) -> None:
    """100 of 3,000 images to two digits, in every recipe that repeats images at all."""
    cfg, _ = resolved(tmp_path, 150, 3000, dataset="glyphs-lt", recipe=recipe, loss=loss)
    assert cfg.train_dataloader.dataset.get("oversample_thr") == threshold


@pytest.mark.parametrize("dataset", ["lvis_v1", "lvis_v0.5", "glyphs", "glyphs-1203"])
def test_other_data_sets_have_the_threshold_of_lvis(tmp_path: Path, dataset: str) -> None:
    cfg, _ = resolved(tmp_path, images=3000, dataset=dataset)
    assert cfg.train_dataloader.dataset.oversample_thr == 1e-3


# --- the recipe plain


def test_the_plain_recipe_is_the_common_one_but_for_sampler_and_heads(tmp_path: Path) -> None:
    common, plain = (resolved(tmp_path, recipe=recipe)[0] for recipe in ("common", "plain"))
    heads = plain.model.roi_head
    assert heads.bbox_head.cls_predictor_cfg == {"type": "Linear"}
    assert heads.mask_head.predictor_cfg == {"type": "Conv"}
    assert plain.train_dataloader.dataset.type == "LVISFormatDataset"
    assert plain.train_dataloader.sampler == {"type": "DefaultSampler", "shuffle": True}
    assert plain.optim_wrapper.clip_grad == {"max_norm": 5, "norm_type": 2}
    heads.bbox_head.cls_predictor_cfg = common.model.roi_head.bbox_head.cls_predictor_cfg
    heads.mask_head.predictor_cfg = common.model.roi_head.mask_head.predictor_cfg
    common.train_dataloader.dataset = common.train_dataloader.dataset.dataset
    assert plain.to_dict() == common.to_dict()


@pytest.mark.parametrize("loss", PAPER)
def test_every_loss_has_the_plain_recipe(tmp_path: Path, loss: str) -> None:
    cfg, _ = resolved(tmp_path, recipe="plain", loss=loss)
    assert cfg.model.roi_head.bbox_head.prior_prob is None


def test_images_left_out_of_one_split_are_named_in_both_and_other_files_keep_their_split(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, exclude=("val:3", 12, "train:3", 2))
    datasets = [innermost_dataset(cfg[f"{name}_dataloader"].to_dict()) for name in ("train", "test")]
    assert [dataset["exclude"] for dataset in datasets] == [[2, 12, "train:3", "val:3"]] * 2
    assert not any("split" in dataset for dataset in datasets)  # which the names of the files tell
    paths = write_annotations(tmp_path / "other")
    paths = replace(paths, train=paths.train.rename(tmp_path / "a.json"), val=paths.val.rename(tmp_path / "b.json"))
    cfg = resolve(Experiment(loss="ce", dataset="lvis_v1"), paths, load(paths.train))
    datasets = [innermost_dataset(cfg[f"{name}_dataloader"].to_dict()) for name in ("train", "test")]
    assert [dataset["split"] for dataset in datasets] == ["train", "val"]
