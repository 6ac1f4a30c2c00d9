"""Whole detectors with our mask and RoI heads, against stock mmdet's with the same weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from experiments import resolved
from mask_cases import register
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from torch import Tensor
from whole_detectors import images, narrow

from lt_bench.detector.mask_head import LongTailMaskHead
from lt_bench.run.fingerprint import EXACT_REPLACEMENTS


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register()


def _stock_types(node: Any) -> Any:
    """A config with the types that ours stand for."""
    if isinstance(node, dict):
        plain = {key: _stock_types(value) for key, value in node.items()}
        if isinstance(plain.get("type"), str):
            plain["type"] = EXACT_REPLACEMENTS.get(plain["type"], plain["type"])
        return plain
    return [_stock_types(value) for value in node] if isinstance(node, list | tuple) else node


Detectors = tuple[Any, Any]


@pytest.fixture(scope="module", params=["mask_rcnn", "cascade_mask_rcnn"])
def detectors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Detectors:
    """Stock mmdet's and ours, with the same weights."""
    cfg, _ = resolved(tmp_path_factory.mktemp("data"), classes=40, dataset="glyphs", detector=request.param, loss="ce")
    model = narrow(cfg.model.to_dict())
    model["backbone"].update(depth=18, base_channels=16, norm_eval=True)
    model["neck"]["in_channels"] = [16, 32, 64, 128]
    torch.manual_seed(0)
    ours = MODELS.build(ConfigDict(model))
    ours.init_weights()
    stock = MODELS.build(ConfigDict(_stock_types(model)))
    stock.load_state_dict(ours.state_dict())
    kinds = [type(head).__name__ for head in (stock.roi_head, ours.roi_head)]
    assert (
        kinds
        == {
            "mask_rcnn": ["StandardRoIHead", "LongTailRoIHead"],
            "cascade_mask_rcnn": ["CascadeRoIHead", "LongTailCascadeRoIHead"],
        }[request.param]
    )
    return stock, ours


@pytest.mark.parametrize("objects", [(3, 5), (0, 4), (0, 0)])
def test_a_training_step_equals_stock(detectors: Detectors, objects: tuple[int, int]) -> None:
    losses: list[dict[str, Tensor]] = []
    grads: list[dict[str, Tensor]] = []
    for model in detectors:
        model.train()
        model.zero_grad()
        torch.manual_seed(3)
        np.random.seed(3)
        found = model.loss(*images(objects))
        terms = [term for name, value in found.items() if "loss" in name for term in _terms(value)]
        sum(terms, torch.zeros(())).backward()
        losses.append({name: sum(_terms(value), torch.zeros(())).detach() for name, value in found.items()})
        grads.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert list(losses[0]) == list(losses[1])
    assert any("loss_mask" in name for name in losses[0])
    for name, value in losses[0].items():
        torch.testing.assert_close(losses[1][name], value, rtol=1e-5, atol=1e-6, msg=partial("{}: {}".format, name))
    for name, gradient in grads[0].items():
        other = grads[1][name]
        assert (gradient is None) == (other is None), name
        if gradient is not None and other is not None:
            assert (other - gradient).norm() <= 1e-4 * gradient.norm() + 1e-8, name


def _terms(value: Any) -> list[Tensor]:
    return list(value) if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize("rescale", [True, False])
def test_predictions_equal_stock(detectors: Detectors, rescale: bool) -> None:
    found = []
    for model in detectors:
        model.eval()
        with torch.no_grad():
            found.append(model.predict(*images((0, 0)), rescale=rescale))
    for stock, ours in zip(*found, strict=True):
        mine, other = ours.pred_instances, stock.pred_instances
        assert len(other) > 10
        for key in ("bboxes", "scores", "labels", "masks"):
            assert torch.equal(mine[key], other[key]), key
        assert other.masks.any() and not other.masks.all()


def test_raw_outputs_equal_stock(detectors: Detectors) -> None:
    """mode="tensor", which counts operations, has no labels: it returns every channel."""
    outputs = []
    for model in detectors:
        model.eval()
        with torch.no_grad():
            outputs.append(_flat(model(*images((0, 0)), mode="tensor")))
    assert [value.shape for value in outputs[0]] == [value.shape for value in outputs[1]]
    assert all(torch.equal(value, other) for value, other in zip(*outputs, strict=True))


def _flat(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else [tensor for item in value for tensor in _flat(item)]


def test_no_mask_of_another_class_is_computed(detectors: Detectors) -> None:
    """In training and testing, no predictor of ours runs over all classes."""
    _, model = detectors
    mask_heads = [module for module in model.modules() if isinstance(module, LongTailMaskHead)]
    assert mask_heads

    def refuse(self: Any, *args: Any) -> None:
        raise AssertionError("all classes")

    hooks = [head.conv_logits.register_forward_pre_hook(refuse) for head in mask_heads]
    try:
        model.loss(*images((3, 5)))
        model.eval()
        with torch.no_grad():
            model.predict(*images((0, 0)))
    finally:
        for hook in hooks:
            hook.remove()
