"""Which checkpoints are taken: a stock one of mmdet by its keys, whatever its classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmdet
import pytest
import torch
from experiments import resolved, write_annotations
from mmengine.config import Config

from lt_bench.data.dataset import Dataset
from lt_bench.data.lvis import load
from lt_bench.errors import UserError
from lt_bench.features.model import build, head_of, matching, use_mmdet
from lt_bench.features.source import of_checkpoint

STOCK = Path(mmdet.__path__[0]) / ".mim/configs/_base_/models/mask-rcnn_r50_fpn.py"
CLASSES = 3


@pytest.fixture(scope="module")
def stock() -> dict[str, torch.Tensor]:
    """The weights of mmdet's own Mask R-CNN."""
    use_mmdet()
    from mmdet.registry import MODELS

    if not STOCK.is_file():
        pytest.skip("this mmdet came without its configs")
    cfg = Config.fromfile(str(STOCK)).model
    cfg.backbone.init_cfg = None
    cfg.roi_head.bbox_head.num_classes = cfg.roi_head.mask_head.num_classes = CLASSES
    torch.manual_seed(0)
    weights: dict[str, torch.Tensor] = MODELS.build(cfg).state_dict()
    return weights


def built(weights: dict[str, Any], folder: Path, detector: str = "mask_rcnn") -> Any:
    """The detector of a stock checkpoint with these weights."""
    torch.save({"meta": {"CLASSES": ("a", "b", "c")}, "state_dict": weights}, folder / "stock.pth")
    paths = write_annotations(folder / "data", CLASSES)
    source = of_checkpoint(folder / "stock.pth", Dataset(paths, load(paths.train), load(paths.val)), "r50", detector)
    assert source.run is None and source.name == f"{detector}_r50_{source.checkpoint_sha256[:8]}"
    return build(source.cfg, source.checkpoint, any_classifier=True)


@pytest.mark.parametrize("classifier", ["missing", "of another shape, with a loss's state"])
def test_a_stock_checkpoint_is_loaded_whatever_its_classifier(
    classifier: str, stock: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    own = "roi_head.bbox_head."
    rest = {key: value for key, value in stock.items() if not key.startswith(f"{own}fc_cls.")}
    shapes = {"fc_cls.weight": (7, 1024), "fc_cls.bias": (7,), "loss_cls.cum_samples": (4,)}
    given = rest if classifier == "missing" else rest | {own + key: torch.ones(size) for key, size in shapes.items()}
    model = built(given, tmp_path)
    found = model.state_dict()
    for key, value in rest.items():
        torch.testing.assert_close(found[key].cpu(), value, rtol=0, atol=0)
    assert not model.training and not any(weight.requires_grad for weight in model.parameters())


@pytest.mark.extra
def test_a_stock_faster_rcnn_is_taken(stock: dict[str, torch.Tensor], tmp_path: Path) -> None:
    from mmdet.registry import MODELS

    cfg = Config.fromfile(str(STOCK.with_name("faster-rcnn_r50_fpn.py"))).model
    cfg.backbone.init_cfg, cfg.roi_head.bbox_head.num_classes = None, CLASSES
    weights = MODELS.build(cfg).state_dict()
    found = built(weights, tmp_path, "faster_rcnn").state_dict()
    assert all(torch.equal(found[key].cpu(), value) for key, value in weights.items())
    with pytest.raises(UserError, match=r"missing: roi_head\.mask_head"):
        built(weights, tmp_path)


def test_other_keys_that_do_not_fit_are_listed(stock: dict[str, torch.Tensor], tmp_path: Path) -> None:
    wrong = {key: value for key, value in stock.items() if key != "neck.fpn_convs.1.conv.bias"}
    wrong |= {"backbone.extra.weight": torch.ones(1), "roi_head.bbox_head.fc_reg.bias": torch.ones(8)}
    with pytest.raises(UserError) as error:
        built(wrong, tmp_path)
    assert "3 weights do not fit" in error.value.message
    for line in (
        "missing: neck.fpn_convs.1.conv.bias",
        "unexpected: backbone.extra.weight",
        "roi_head.bbox_head.fc_reg.bias: (8,) instead of (12,)",
    ):
        assert line in error.value.message


def test_a_runs_checkpoint_must_have_its_classifier() -> None:
    key = "roi_head.bbox_head.fc_cls.weight"
    assert matching({}, {key: torch.ones(2)}, free=())[1] == [f"missing: {key}"]


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    cfg, _ = resolved(tmp_path)
    (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="can't be loaded"):
        build(cfg, tmp_path / "broken.pth", any_classifier=True)


def test_heads_whose_features_cannot_be_stored(tmp_path: Path) -> None:
    cascade, _ = resolved(tmp_path, detector="cascade_mask_rcnn")
    with pytest.raises(UserError, match="cascade"):
        head_of(cascade)
    cfg, _ = resolved(tmp_path)
    cfg.model.roi_head.bbox_head.type = "DoubleConvFCBBoxHead"
    with pytest.raises(UserError, match="DoubleConvFCBBoxHead"):
        head_of(cfg)
