"""The simulated device computes what the CPU computes, and refuses what a real device refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_bench.testing.simulated_device import SimulatedTensor, simulated_device


def in_place(x: Tensor, index: Tensor) -> Tensor:
    y = x.clone()
    y[:, 0] += 1
    y[index, 1] = 5.0
    y.scatter_(1, index[:, None], 7.0)
    y.mul_(2).clamp_(max=6)
    return y


def with_out(x: Tensor, index: Tensor) -> Tensor:
    y = torch.empty_like(x)
    torch.sub(x, 1, out=y)
    return y


def on_the_device(x: Tensor, index: Tensor) -> Tensor:
    return x * (index[:, None] == torch.arange(x.shape[1], device=x.device)) + x.new_ones(x.shape[1])


def through_numbers(x: Tensor, index: Tensor) -> Tensor:
    return x * x.max().item() * float(x.sum()) * len(index.tolist()) * (1 if index.any() else 2)


FUNCTIONS: list[Callable[[Tensor, Tensor], Tensor]] = [
    in_place,
    with_out,
    on_the_device,
    through_numbers,
    lambda x, index: F.cross_entropy(x, index),
    lambda x, index: x[index < 2].t() @ x[index < 2],
    lambda x, index: x[[0, 1]] + x[torch.tensor([0, 1])],
    lambda x, index: torch.cat([x.softmax(1), x[:, None, 0]], dim=1).view(-1)[::2],
    lambda x, index: torch.bincount(index, minlength=6).nonzero().to(x.dtype),
    lambda x, index: x * torch.tensor(2.0) + torch.stack(torch.aminmax(x)),
    lambda x, index: x + torch.zeros(3).to(x.device).to(x.dtype),
    lambda x, index: torch.where(index[:, None] < 2, x / torch.tensor(3.0, device=x.device), 1.0),
    lambda x, index: x[:, [2, 0]] * x.new_tensor([1.0, 2.0]) + torch.as_tensor([0.5, 1.5], device=x.device),
]


def arguments() -> tuple[Tensor, Tensor]:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 2])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_those_of_the_cpu(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    x, index = arguments()
    if "aminmax" in function.__code__.co_names:
        x = x[:2, :2]
    expected = function(x, index)
    with simulated_device() as device:
        found = function(x.to(device), index.to(device))
        assert isinstance(found, SimulatedTensor)
        assert found.device == device
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=0)
        assert type(found.cpu()) is Tensor


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return (x**2).sum()

    @staticmethod
    def backward(ctx, slope):  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        return torch.mul(x, 2 * slope, out=torch.empty_like(x))


@pytest.mark.parametrize("function", [lambda x: Square.apply(x), lambda x: (x.exp()[:, 1:] * x[:, :1]).sum()])
def test_gradients_are_those_of_the_cpu(function: Callable[[Tensor], Tensor]) -> None:
    x = arguments()[0]
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(function(leaf), leaf)
    with simulated_device() as device:
        moved = x.to(device).requires_grad_()
        (found,) = torch.autograd.grad(function(moved), moved)
        assert found.device == device
        torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    "mixture",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.arange(3) * x,
        lambda x: torch.cat([x, torch.ones(4, 3)]),
        lambda x: torch.ones(4, 3)[x[:, 0].long().clamp(0, 2)],
        lambda x: x.add_(torch.ones(4, 3)),
    ],
)
def test_a_mixture_of_devices_is_refused(mixture: Callable[[Tensor], Tensor]) -> None:
    x = arguments()[0]
    with simulated_device() as device:
        moved = x.to(device)
        with pytest.raises(RuntimeError, match="expected all tensors on one device"):
            mixture(moved)


def test_a_module_moves_there_and_back() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
    x = arguments()[0]
    expected = module(x).detach()
    with simulated_device() as device:
        module = module.to(device)
        assert {tensor.device for tensor in module.state_dict().values()} == {device}
        torch.testing.assert_close(module(x.to(device)).detach().cpu(), expected)
        module = module.to("cpu")
    torch.testing.assert_close(module(x).detach(), expected)
