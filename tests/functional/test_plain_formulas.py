"""What every device but the CPU computes, here on the CPU: the plain formulas, which need no synchronisation."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from loss_cases import LOSSES, make_batch, make_stats, value_and_gradient
from test_golden import check_golden
from torch.utils._python_dispatch import TorchDispatchMode

from lt_bench.api.loss import LongTailLoss
from lt_bench.selftest import vectors
from lt_bench.testing.simulated_device import simulated_device

WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "bincount", "equal", "_unique2", "repeat_interleave"}


class NoSynchronization(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what makes the CPU wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.__name__.split(".")[0]
        tensors = [
            value for value in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)
        ]
        on_device = any(tensor.device.type != "cpu" for tensor in tensors)
        masks = name.startswith("index") and any(tensor.dtype == torch.bool for tensor in _indices(args))
        to_cpu = name == "_to_copy" and str(kwargs.get("device", "")) == "cpu"
        if on_device and (name in WAITS or masks or to_cpu):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **kwargs)


def _indices(args: Any) -> list[torch.Tensor]:
    given = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else []
    return [index for index in given if isinstance(index, torch.Tensor)]


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> LongTailLoss:
    torch.manual_seed(0)
    return LOSSES[request.param](make_stats())


@pytest.mark.usefixtures("no_cpu")
@pytest.mark.parametrize("name", vectors.names())
def test_they_give_the_golden_vectors(name: str) -> None:
    check_golden(vectors.FOLDER / f"{name}.npz")


@pytest.mark.parametrize("num_rois", [0, 1, 9])
def test_they_equal_the_cpus_way(loss: LongTailLoss, num_rois: int, request: pytest.FixtureRequest) -> None:
    other = deepcopy(loss)
    batches = [make_batch(loss, num_rois, seed) for seed in range(3)]
    expected = [value_and_gradient(loss, *batch) for batch in batches]
    request.getfixturevalue("no_cpu")
    for batch, both in zip(batches, expected, strict=True):
        for found, wanted in zip(value_and_gradient(other, *batch), both, strict=True):
            torch.testing.assert_close(found, wanted)
    for key, value in loss.state_dict().items():
        torch.testing.assert_close(other.state_dict()[key], value)


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x.cpu(),
        lambda x: x.unique(),
        lambda x: x.long().bincount(),
    ],
)
def test_what_waits_for_the_device_is_noticed(wait: Callable[[torch.Tensor], object]) -> None:
    with simulated_device() as device:
        x = torch.arange(3.0).to(device)
        with pytest.raises(AssertionError, match="waits for the device"), NoSynchronization():
            wait(x)


def test_no_loss_waits_for_its_device_in_training(loss: LongTailLoss) -> None:
    with simulated_device() as device:
        loss.to(device)
        for call in range(2):
            logits, labels = (tensor.to(device) for tensor in make_batch(loss, seed=call))
            if call == 0:  # Federated reads its state once
                value_and_gradient(loss, logits, labels)
                continue
            with NoSynchronization():
                value_and_gradient(loss, logits, labels)


def test_an_infinite_logit_outside_the_subset_counts_nothing(no_cpu: None) -> None:
    loss = LOSSES["federated"](make_stats(), num_sample_cats=1)  # type: ignore[call-arg]
    logits, labels = make_batch(loss, 9)
    labels[:] = 2
    logits[0, [0, -1]] = torch.inf
    value, gradient = value_and_gradient(loss, logits, labels)
    assert value.isfinite() and gradient.isfinite().all()
