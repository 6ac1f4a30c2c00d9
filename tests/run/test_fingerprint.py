"""The fingerprint sees what moves AP, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from experiments import resolved

from lt_bench.leaderboard.fingerprint import by_weights, images_left
from lt_bench.leaderboard.store import read
from lt_bench.run.fingerprint import EXACT_REPLACEMENTS, fingerprint, weights_id

RESULTS = Path(__file__).parents[2] / "leaderboards" / "results"


LOSSES = ("ce", "ecm", "eql", "eqlv2", "federated", "focal", "seesaw")


def _fingerprint(folder: Path, **arguments: Any) -> str:
    cfg, digests = resolved(folder, **arguments)
    return fingerprint(cfg, digests)


def test_fingerprint_ignores_loss_seed_and_paths(tmp_path: Path) -> None:
    expected = _fingerprint(tmp_path / "a")
    assert _fingerprint(tmp_path / "b") == expected
    assert _fingerprint(tmp_path / "a", seed=3) == expected
    for loss in LOSSES:
        assert _fingerprint(tmp_path / "a", loss=loss) == expected
    assert _fingerprint(tmp_path / "a", hyper_parameters={"fg_bg_ratio": 2.0}) == expected


def test_fingerprint_sees_modules_of_others(tmp_path: Path) -> None:
    def of(*modules: str) -> str:
        return _fingerprint(tmp_path, overrides={"custom_imports.imports": list(modules)})

    own = "lt_bench.detector"
    assert of(own, "lt_bench.selftest.state_dump") == of(own) == _fingerprint(tmp_path)
    assert len({of(own), of(own, "collections"), of(own, "csv"), of(own, "csv", "collections")}) == 4
    assert of("csv", own, "collections") == of(own, "collections", "csv")


def test_fingerprint_ignores_workers(tmp_path: Path) -> None:
    assert _fingerprint(tmp_path, overrides={"train_dataloader.num_workers": 0}) == _fingerprint(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"schedule": "2x"},
        {"backbone": "r101"},
        {"detector": "cascade_mask_rcnn"},
        {"detector": "faster_rcnn"},
        {"recipe": "paper", "loss": "seesaw"},
        {"recipe": "plain"},
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
    content = b"weights"
    name = hashlib.sha256(content).hexdigest()[:8]
    local = tmp_path / "mine.pth"
    local.write_bytes(content)
    assert weights_id(str(local)) == name == weights_id(f"https://example.org/resnet50-{name}.pth")


VISUALIZER = {"type": "DetLocalVisualizer", "vis_backends": [{"type": "LocalVisBackend"}]}
HOOKS = [{"type": "FiniteLossHook", "interval": 50}, {"type": "RunMeterHook"}]


@pytest.mark.parametrize(
    "overrides",
    [
        {"+visualizer": VISUALIZER, "+vis_backends": [{"type": "WandbVisBackend"}]},
        {"default_hooks.logger.interval": 1, "default_hooks.timer": None, "log_level": "DEBUG"},
        {"default_hooks.checkpoint.keep": 9, "+default_hooks.visualization.type": "DetVisualizationHook"},
        {"custom_hooks": [*HOOKS, {"type": "MemoryProfilerHook"}]},
        {"default_hooks.timer.type": "mmengine.hooks.IterTimerHook"},
    ],
)
def test_what_is_logged_and_drawn_changes_no_fingerprint(tmp_path: Path, overrides: dict[str, Any]) -> None:
    assert _fingerprint(tmp_path, overrides=overrides) == _fingerprint(tmp_path)


@pytest.mark.parametrize(
    "overrides",
    [
        {"default_hooks.param_scheduler": None},  # the learning rate stays what it is
        {"default_hooks.sampler_seed": None},
        {"default_hooks.logger.type": "EMAHook"},
        {"+default_hooks.visualization.type": "EMAHook"},
        {"custom_hooks": [*HOOKS, {"type": "EMAHook"}]},
        {"default_hooks.timer.type": "evil.IterTimerHook"},
        {"default_hooks.checkpoint.type": "evil.hooks.CheckpointHook"},
        {"log_processor.type": "evil.LogProcessor"},
        {"+visualizer": {**VISUALIZER, "vis_backends": [{"type": "evil.LocalVisBackend"}]}},
        {"load_from": "det-89abcdef.pth"},
        {"model.backbone.frozen_stages": 3},
        {"+model.neck.init_cfg.checkpoint": "neck-01234567.pth"},
    ],
)
def test_what_trains_under_a_harmless_name_changes_the_fingerprint(tmp_path: Path, overrides: dict[str, Any]) -> None:
    assert _fingerprint(tmp_path, overrides=overrides) != _fingerprint(tmp_path)


def test_weights_are_named_by_what_they_are_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"weights")
    name, digest = str(tmp_path / "mine.pth"), hashlib.sha256(b"weights").hexdigest()[:8]
    node = {"init_cfg": [{"checkpoint": name, "other": name}], "load_from": name, "other": (name,)}
    assert by_weights(node) == {
        "init_cfg": [{"checkpoint": digest, "other": name}],
        "load_from": digest,
        "other": (name,),
    }
    assert by_weights(name, "model.backbone.init_cfg.checkpoint") == digest


def test_images_that_indices_leave() -> None:
    for indices, left in ((None, 10), (3, 3), (-3, 3), (99, 10), ([1, 5], 2)):
        assert images_left({"indices": indices}, 10) == left
