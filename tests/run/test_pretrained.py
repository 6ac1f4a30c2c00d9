"""Pretrained weights: a local file, a fetched one, and never a silent fallback."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from experiments import resolved
from mmdet.registry import MODELS
from mmdet.utils import register_all_modules

from lt_bench.errors import UserError
from lt_bench.run import pretrained
from lt_bench.run.pretrained import cached_path, ensure_init

KEY = "model.backbone.init_cfg.checkpoint"


def ensure_weights(cfg: Any) -> str:
    """What the weights are, in the record's words."""
    return ensure_init(cfg)["description"]


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with the start of its digest in its name, and an empty cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    torch.hub.set_dir(str(tmp_path / "torch" / "hub"))
    content = b"published weights"
    path = tmp_path / f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    path.write_bytes(content)
    return path.as_uri()


def test_published_weights_are_fetched_once(tmp_path: Path, published: str) -> None:
    cfg, _ = resolved(tmp_path / "data", overrides={KEY: published})
    assert ensure_weights(cfg) == Path(published).name
    assert cached_path(published).read_bytes() == b"published weights"
    (tmp_path / Path(published).name).unlink()
    assert ensure_weights(cfg) == Path(published).name


def test_a_damaged_download_is_refused(tmp_path: Path, published: str) -> None:
    (tmp_path / Path(published).name).write_bytes(b"cut off")
    cfg, _ = resolved(tmp_path / "data", overrides={KEY: published})
    with pytest.raises(UserError, match="can't be fetched"):
        ensure_weights(cfg)
    assert not cached_path(published).exists()


def test_no_network_is_an_error_with_a_remedy(tmp_path: Path, published: str) -> None:
    cfg, _ = resolved(tmp_path / "data", overrides={KEY: f"{published}.gone"})
    with pytest.raises(UserError) as caught:
        ensure_weights(cfg)
    assert "--init random" in caught.value.remedy


def test_random_weights_say_so(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path, init="random", seed=4)
    assert ensure_weights(cfg) == "random weights, seed 4"


def test_a_local_file_is_what_the_backbone_starts_from(tmp_path: Path) -> None:
    register_all_modules()
    cfg, _ = resolved(tmp_path / "data")
    source = MODELS.build({**cfg.model.backbone.to_dict(), "init_cfg": None})
    local = tmp_path / "mine.pth"
    torch.save(source.state_dict(), local)
    cfg, _ = resolved(tmp_path / "data", overrides={KEY: str(local)})
    assert ensure_weights(cfg).startswith("mine.pth (sha256 ")
    backbone = MODELS.build(cfg.model.backbone)
    assert not torch.equal(backbone.conv1.weight, source.conv1.weight)
    backbone.init_weights()
    for name, value in source.state_dict().items():
        assert torch.equal(backbone.state_dict()[name], value), name


def test_load_from_is_named_with_the_tensors_that_fit(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path / "data", init="random")
    weights = pretrained.build_model(cfg).state_dict()
    names = list(weights)
    some = {f"module.{name}": weights[name] for name in names[:5]} | {
        names[6]: torch.zeros(1, 2, 3),
        "x": torch.ones(1),
    }
    torch.save({"state_dict": some}, tmp_path / "det.pth")
    digest = hashlib.sha256((tmp_path / "det.pth").read_bytes()).hexdigest()[:8]
    cfg.load_from = str(tmp_path / "det.pth")
    before = torch.random.get_rng_state()
    assert ensure_weights(cfg) == (
        f"random weights, seed 0; load_from: det.pth (sha256 {digest}), 5 of {len(names)} tensors"
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for content, said in (({"x": torch.ones(1)}, "has none of the model's"), (b"no checkpoint", "can't be loaded")):
        if isinstance(content, bytes):
            (tmp_path / "det.pth").write_bytes(content)
        else:
            torch.save(content, tmp_path / "det.pth")
        with pytest.raises(UserError, match=said):
            ensure_weights(cfg)
    cfg.load_from = str(tmp_path / "gone.pth")
    with pytest.raises(UserError, match=r"gone\.pth do not exist"):
        ensure_weights(cfg)


def test_other_pretrained_parts_must_be_there(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path / "data", init="random")
    cfg.model.neck.init_cfg = {"type": "Pretrained", "checkpoint": str(tmp_path / "neck.pth")}
    with pytest.raises(UserError, match="do not exist"):
        ensure_weights(cfg)
    (tmp_path / "neck.pth").write_bytes(b"weights")
    assert ensure_weights(cfg).startswith("random weights, seed 0; neck.init_cfg: neck.pth (sha256 ")
