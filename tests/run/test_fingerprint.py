"""The fingerprint sees what moves AP, and nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from experiments import resolved

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


def test_fingerprint_ignores_workers(tmp_path: Path) -> None:
    assert _fingerprint(tmp_path, overrides={"train_dataloader.num_workers": 0}) == _fingerprint(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"schedule": "2x"},
        {"backbone": "r101"},
        {"detector": "cascade_mask_rcnn"},
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
