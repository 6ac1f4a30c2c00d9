"""The logits of one channel per RoI, against those of the predictor itself."""

from __future__ import annotations

import pytest
import torch
from mask_cases import PREDICTORS, gradients, heads, register
from torch import Tensor, nn

from lt_bench.detector.mask_logits import selected_logits


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register()


def test_any_other_predictor_computes_all_channels() -> None:
    predictor = nn.Conv2d(8, 6, 1, groups=2)
    x, labels = torch.randn(4, 8, 3, 5), torch.tensor([5, 0, 2, 2])
    assert torch.equal(selected_logits(predictor, x, labels), predictor(x)[torch.arange(4), labels][:, None])


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_pixel_without_features(name: str) -> None:
    """The norm of zero has no derivative: torch's convention counts."""
    stock, _ = heads(PREDICTORS[name], 9, torch.float64)
    torch.manual_seed(0)
    x = torch.randn(4, 8, 3, 5, dtype=torch.float64)
    x[0], x[1, :, 1, 2] = 0.0, 0.0
    x.requires_grad_()
    labels = torch.tensor([3, 3, 8, 0])
    factors = torch.randn(4, 1, 3, 5, dtype=torch.float64)
    expected = gradients(stock.conv_logits(x)[torch.arange(4), labels][:, None] * factors, stock.conv_logits, x)
    found = gradients(selected_logits(stock.conv_logits, x, labels) * factors, stock.conv_logits, x)
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_normalized_product_is_rounded_once(dtype: torch.dtype) -> None:
    """Under autocast, nothing before the result has fewer digits than float32."""
    predictor = heads(PREDICTORS["normalized"], 40, torch.float32)[0].conv_logits
    torch.manual_seed(0)
    x, labels = torch.randn(6, 8, 7, 7).to(dtype), torch.randint(0, 40, (6,))
    with torch.autocast("cpu", dtype=dtype):
        found = selected_logits(predictor, x, labels)
    exact = predictor.double()(x.double())[torch.arange(6), labels][:, None]
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), exact, rtol=0.51 * torch.finfo(dtype).eps, atol=1e-4)


def test_the_normalized_features_are_not_kept() -> None:
    """Of the size of the features, the predictor keeps the features themselves only."""
    _, ours = heads(PREDICTORS["normalized"], 1203, torch.float32)
    x = torch.randn(20, 8, 9, 9, requires_grad=True)
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    for dtype in (torch.float32, torch.bfloat16):
        kept.clear()
        features = x.to(dtype)
        with (
            torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16),
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            selected_logits(ours.conv_logits, features, torch.randint(0, 1203, (20,)))
        large = {tensor.data_ptr() for tensor in kept if tensor.numel() >= features.numel()}
        assert large == {features.data_ptr()}


def test_the_gradient_cannot_be_differentiated_again() -> None:
    _, ours = heads(PREDICTORS["normalized"], 5, torch.float32)
    x = torch.randn(2, 8, 3, 3, requires_grad=True)
    logits = selected_logits(ours.conv_logits, x, torch.tensor([1, 4]))
    with pytest.raises(RuntimeError, match="create_graph"):
        torch.autograd.grad(logits.sum(), x, create_graph=True)
