"""What a command's runs are: blocks of the config, names, and mistakes that show before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from experiments import resolved
from probe_data import TRACK, made_features

from lt_bench.errors import UserError
from lt_bench.features.store import FeatureSet
from lt_bench.leaderboard.dumped_config import config_text, read_config
from lt_bench.leaderboard.fingerprint import probe_fingerprint
from lt_bench.leaderboard.schema_run import Track
from lt_bench.probe.plan import Planner, digest, folder_of_runs
from lt_bench.probe.settings import Settings, resolve


def test_the_common_recipe(features: FeatureSet) -> None:
    probe = Planner(features, Settings()).recipe.probe
    assert probe["classifier"] == {"type": "NormedLinear", "temperature": 20, "prior_prob": None}
    assert probe["optimizer"] == {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4, "clip": 5.0}
    assert probe["schedule"] == {
        "steps": 2000, "warmup": 200, "start_factor": 1e-4, "milestones": [1333, 1833], "gamma": 0.1
    }  # fmt: skip
    assert probe["sampler"]["images_per_step"] == 16
    assert probe["sampler"]["repeat_factor"] == 100 / 40  # 1e-3 on LVIS, whose 100,170 images take the place of 40


def test_the_plain_recipe(features: FeatureSet) -> None:
    common, plain = (Planner(features, Settings(recipe=recipe)).recipe.probe for recipe in ("common", "plain"))
    assert plain["classifier"] == {"type": "Linear", "prior_prob": None}
    assert plain["sampler"] == {**common["sampler"], "repeat_factor": None}
    for same in ("optimizer", "schedule", "test", "features"):
        assert plain[same] == common[same]


@pytest.mark.parametrize("recipe", ["common", "plain"])
@pytest.mark.parametrize("dataset", ["glyphs", "glyphs-lt", "glyphs-1203", "lvis_v1", "lvis_v0.5"])
def test_what_full_training_has_too_is_the_same(
    dataset: str, recipe: str, features: FeatureSet, tmp_path: Path
) -> None:
    images = 300
    cfg, _ = resolved(tmp_path, images=images, loss="ce", dataset=dataset, recipe=recipe, max_iters=2000)
    track = {**TRACK, "dataset": dataset}
    run = None if features.manifest.run is None else features.manifest.run.model_copy(update={"track": Track(**track)})
    manifest = features.manifest.model_copy(update={"run": run, "num_images": images})
    probe = resolve(Settings(recipe), manifest).probe
    data, head, solver = cfg.train_dataloader.dataset, cfg.model.roi_head.bbox_head, cfg.optim_wrapper
    assert (data.type == "RepeatFactorDataset") == (recipe == "common")
    assert probe["sampler"]["repeat_factor"] == data.get("oversample_thr")
    assert probe["classifier"] == {**head.cls_predictor_cfg, "prior_prob": head.prior_prob}
    assert probe["optimizer"] == {**solver.optimizer, "clip": solver.clip_grad.max_norm}
    assert probe["schedule"]["milestones"] == cfg.param_scheduler[1].milestones
    assert probe["schedule"]["gamma"] == cfg.param_scheduler[1].gamma


def test_data_of_ones_own_have_the_threshold_of_lvis(features: FeatureSet) -> None:
    assert features.manifest.run is not None
    run = features.manifest.run.model_copy(update={"track": Track(**{**TRACK, "dataset": "other"})})
    probe = resolve(Settings(), features.manifest.model_copy(update={"run": run})).probe
    assert probe["sampler"]["repeat_factor"] == 1e-3


def test_hyper_parameters_that_are_tied_to_the_data_follow_from_it(planner: Planner, tmp_path: Path) -> None:
    assert planner.run("federated", {}, 0, tmp_path).given == {"num_sample_cats": 1}
    run = planner.run("federated", {"num_sample_cats": 4}, 0, tmp_path)
    assert run.given == {"num_sample_cats": 4} and run.config["loss"]["non_default"] == ("num_sample_cats",)


def test_one_fingerprint_for_all_losses_and_seeds(planner: Planner, features: FeatureSet, tmp_path: Path) -> None:
    runs = [planner.run(loss, {}, seed, tmp_path) for loss in ("ce", "seesaw") for seed in (0, 1)]
    assert len({probe_fingerprint(run.config) for run in runs}) == 1
    assert len({run.folder for run in runs}) == 4
    for other in (Settings(steps=31), Settings(steps=30, rate=0.01), Settings(steps=30, clip=0),
                  Settings(steps=30, recipe="plain"), Settings(steps=30, evaluate="held_out")):  # fmt: skip
        found = Planner(features, other).run("ce", {}, 0, tmp_path)
        assert probe_fingerprint(found.config) != probe_fingerprint(runs[0].config)
        assert found.folder != runs[0].folder


def test_what_is_not_the_recipes_is_said(features: FeatureSet) -> None:
    assert Planner(features, Settings(rate=0.02, clip=5.0)).recipe.overrides == []
    found = Planner(features, Settings(steps=9, rate=0.1, clip=0, evaluate="held_out")).recipe.overrides
    assert found == ["--steps 9", "--rate 0.1", "--clip 0", "--evaluate held_out"]


def test_another_version_of_a_loss_is_another_run(planner: Planner, tmp_path: Path) -> None:
    config = planner.run("ce", {}, 0, tmp_path).config
    assert digest(config, "mine 1.0") != digest(config, "mine 1.1")


def test_no_place_is_in_the_fingerprint(planner: Planner, tmp_path: Path) -> None:
    moved = made_features(tmp_path / "elsewhere")
    runs = [planner.run("ce", {}, 0, tmp_path), Planner(moved, Settings(steps=30)).run("ce", {}, 0, tmp_path)]
    assert runs[0].config["ann_file"] != runs[1].config["ann_file"]
    assert runs[0].folder == runs[1].folder
    assert str(tmp_path) not in json.dumps(runs[1].config["probe"])


def test_the_config_is_read_back(planner: Planner, tmp_path: Path) -> None:
    run = planner.run("seesaw", {"p": 0.5}, 1, tmp_path)
    (tmp_path / "config.py").write_text(config_text(run.config))
    assert read_config(tmp_path / "config.py") == run.config


def test_folders(features: FeatureSet, tmp_path: Path) -> None:
    manifest = features.manifest
    assert folder_of_runs(None, manifest, Settings("plain")) == Path("work_dirs/probe/ce_0_abcdef01/plain")
    held_out = Settings(evaluate="held_out")
    assert folder_of_runs(None, manifest, held_out) == Path("work_dirs/probe/ce_0_abcdef01/common_held_out")
    assert folder_of_runs(tmp_path, manifest, held_out) == tmp_path
    hostile = folder_of_runs(None, manifest.model_copy(update={"name": "../../x"}), Settings("plain"))
    assert hostile.parts[:2] == ("work_dirs", "probe") and len(hostile.parts) == 4 and ".." not in hostile.parts


def test_mistakes(planner: Planner, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no loss 'seesww'"):
        planner.run("seesww", {}, 0, tmp_path)
    with pytest.raises(UserError, match="no hyper-parameter 'r'"):
        planner.run("seesaw", {"r": 1}, 0, tmp_path)
    with pytest.raises(UserError, match="can't be built"):
        planner.run("federated", {"num_sample_cats": 0}, 0, tmp_path)
    with pytest.raises(UserError, match="no recipe 'comon'"):
        Settings(recipe="comon")
    features = made_features(tmp_path / "all", held_out=False)
    unknown = features.manifest.model_copy(update={"run": None})
    with pytest.raises(UserError, match="what their detector is"):
        Planner(FeatureSet(features.path, unknown), Settings())
    stock = features.manifest.model_copy(update={"run": None, "stock": features.manifest.track()})
    assert Planner(FeatureSet(features.path, stock), Settings()).recipe.probe["track"]["dataset"] == "glyphs-lt"
    with pytest.raises(UserError, match="no images held_out"):
        Planner(features, Settings(evaluate="held_out"))
