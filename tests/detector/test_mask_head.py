"""The mask head that computes one channel per RoI, against stock mmdet's."""

from __future__ import annotations

import gc
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_cases import CLOSE, PREDICTORS, gradients, heads, register, sampled, selecting
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode


@pytest.fixture(scope="module", autouse=True)
def _scope() -> None:
    register()


@settings(max_examples=60)
@given(
    predictor=st.sampled_from(list(PREDICTORS)),
    classes=st.sampled_from([1, 2, 80, 1203]),
    rois=st.sampled_from([0, 1, 2, 7]),
    height=st.integers(2, 7),  # stock mmdet takes a height of 1 for the channel, and fails
    width=st.integers(1, 7),
    class_agnostic=st.booleans(),
    upsample=st.sampled_from(["deconv", "nearest", None]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
    seed=st.integers(0, 2**16),
)
def test_equals_stock_head(
    predictor: str,
    classes: int,
    rois: int,
    height: int,
    width: int,
    class_agnostic: bool,
    upsample: str | None,
    dtype: torch.dtype,
    seed: int,
) -> None:
    """Logits, loss and every gradient."""
    stock, ours = heads(
        PREDICTORS[predictor],
        classes,
        dtype,
        class_agnostic=class_agnostic,
        upsample_cfg={"type": upsample, "scale_factor": 2},
    )
    torch.manual_seed(seed)
    x = torch.randn(rois, 4, height, width, dtype=dtype, requires_grad=True)
    labels = torch.randint(0, classes, (rois,))
    results, instances, cfg = sampled(labels)
    cfg.mask_size = tuple(side * (1 if upsample is None else 2) for side in (height, width))

    every = stock(x)
    expected = stock.loss_and_target(every, results, instances, cfg)
    expected_gradients = gradients(expected["loss_mask"]["loss_mask"], stock, x)
    with ours.selecting(labels):
        selected = ours(x)
    found = ours.loss_and_target(selected, results, instances, cfg)
    found_gradients = gradients(found["loss_mask"]["loss_mask"], ours, x)

    channel = torch.zeros_like(labels) if class_agnostic else labels
    torch.testing.assert_close(selected, every[torch.arange(rois), channel][:, None], **CLOSE[dtype])
    torch.testing.assert_close(found["loss_mask"]["loss_mask"], expected["loss_mask"]["loss_mask"], **CLOSE[dtype])
    assert torch.equal(found["mask_targets"], expected["mask_targets"])
    assert found_gradients.keys() == expected_gradients.keys()
    for name, gradient in expected_gradients.items():
        message = partial("{}: {}".format, name)
        torch.testing.assert_close(found_gradients[name], gradient, **CLOSE[dtype], msg=message)


@pytest.mark.parametrize("name", PREDICTORS)
def test_weights_and_checkpoints_are_those_of_the_stock_head(name: str) -> None:
    stock, ours = heads(PREDICTORS[name], 80, torch.float32)
    assert list(stock.state_dict()) == list(ours.state_dict())
    assert all(torch.equal(weight, ours.state_dict()[key]) for key, weight in stock.state_dict().items())


@pytest.mark.parametrize("name", PREDICTORS)
def test_without_a_selection_it_is_the_stock_head(name: str) -> None:
    stock, ours = heads(PREDICTORS[name], 80, torch.float32)
    x, labels = torch.randn(5, 4, 3, 3), torch.randint(0, 80, (5,))
    with ours.selecting(labels):
        assert ours(x).shape == (5, 1, 6, 6)
    assert torch.equal(ours(x), stock(x))
    results, instances, cfg = sampled(labels, targets=6)
    losses = [head.loss_and_target(head(x), results, instances, cfg)["loss_mask"] for head in (stock, ours)]
    assert torch.equal(losses[0]["loss_mask"], losses[1]["loss_mask"])


def test_a_mistake_within_a_selection_ends_it() -> None:
    _, ours = heads(PREDICTORS["plain"], 5, torch.float32)
    x = torch.randn(2, 4, 3, 3)
    with pytest.raises(RuntimeError), ours.selecting(torch.tensor([0, 1, 2])):
        ours(x)
    assert ours(x).shape[1] == 5


def test_a_mask_loss_that_may_read_every_channel_gets_them() -> None:
    class EveryChannel(nn.Module):
        def forward(self, logits: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
            return logits.square().mean()

    stock, ours = heads(PREDICTORS["normalized"], 6, torch.float32)
    x, labels = torch.randn(3, 4, 3, 3), torch.tensor([0, 1, 2])
    results, instances, cfg = sampled(labels, targets=6)
    losses = []
    for head in (stock, ours):
        head.loss_mask = EveryChannel()
        with ours.selecting(labels):
            losses.append(head.loss_and_target(head(x), results, instances, cfg)["loss_mask"]["loss_mask"])
    assert torch.equal(losses[0], losses[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", PREDICTORS)
def test_autocast_keeps_types_and_is_no_less_exact(name: str, dtype: torch.dtype) -> None:
    """The types of stock mmdet, and no further from float64 than it; also where a RoI has no features at all."""
    torch.manual_seed(0)
    x = torch.randn(6, 4, 7, 7)
    x[0] = 0
    labels = torch.tensor([0, 5, 5, 39, 7, 1])
    results, instances, cfg = sampled(labels, targets=14)

    def run(head: Any, features: Tensor, autocast: bool) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        features = features.clone().requires_grad_()
        with torch.autocast("cpu", dtype=dtype, enabled=autocast), selecting(head, labels):
            logits = head(features)
            loss = head.loss_and_target(logits, results, instances, cfg)["loss_mask"]["loss_mask"]
        if logits.shape[1] > 1:
            logits = logits[torch.arange(6), labels][:, None]
        return logits.detach(), loss.detach(), gradients(loss, head, features)

    truth, _, exact = run(heads(PREDICTORS[name], 40, torch.float64)[0], x.double(), False)
    (stock, stock_loss, stock_gradients), (ours, loss, found) = (
        run(head, x, True) for head in heads(PREDICTORS[name], 40, torch.float32)
    )
    assert ours.dtype == stock.dtype == dtype
    assert loss.dtype == stock_loss.dtype
    assert {key: value.dtype for key, value in found.items()} == {k: v.dtype for k, v in stock_gradients.items()}
    assert (ours - truth).norm() <= 1.1 * (stock - truth).norm()
    for key, gradient in exact.items():
        error, stock_error = ((other[key] - gradient).norm() for other in (found, stock_gradients))
        assert error <= 1.2 * stock_error + 1e-3 * gradient.norm(), key


class LargestTensor(TorchDispatchMode):
    """Entries of the largest tensor that any operation returned."""

    entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self.entries = max(self.entries, value.numel())
        return result


@pytest.mark.parametrize("name", PREDICTORS)
def test_memory_does_not_grow_with_the_classes(name: str) -> None:
    """No tensor is larger than the features, neither forward nor backward, but for the weights."""
    rois, channels, pixels, classes = 20, 8, 14 * 14, 1203
    largest = {}
    for kind, head in zip(("stock", "ours"), heads(PREDICTORS[name], classes, torch.float32), strict=True):
        x = torch.randn(rois, 4, 7, 7, requires_grad=True)
        labels = torch.randint(0, classes, (rois,))
        with LargestTensor() as seen, selecting(head, labels):
            head.loss_and_target(head(x), *sampled(labels, targets=14))["loss_mask"]["loss_mask"].sum().backward()
        largest[kind] = seen.entries
    assert largest["stock"] >= rois * classes * pixels
    assert largest["ours"] <= max(rois * channels * pixels, rois * 40 * 50, classes * channels)


class Selecting(nn.Module):
    """Trains a head on RoIs with labels; in a module, as DistributedDataParallel wants it."""

    def __init__(self, head: Any) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        with self.head.selecting(labels):
            logits = self.head(x)
        loss: Tensor = self.head.loss_and_target(logits, *sampled(labels, targets=6))["loss_mask"]["loss_mask"]
        return loss.sum()


def _batch(rois: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rois, 4, 3, 3), torch.arange(rois) % 5


def _train(predictor: dict[str, Any], rois: int) -> dict[str, Tensor | None]:
    """The gradients of one distributed step. The wrapped model goes before its process group does: see `_rank`."""
    model = DistributedDataParallel(Selecting(heads(predictor, 5, torch.float32)[1]))
    model(*_batch(rois)).backward()
    return {key: parameter.grad for key, parameter in model.module.head.named_parameters()}


def _rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    register()
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    for name, predictor in PREDICTORS.items():
        torch.save(_train(predictor, 0 if rank else 6), Path(folder) / f"{name} {rank}.pth")
    gc.collect()  # a reducer that is left when the group is destroyed can wait for ever
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_a_rank_without_rois(tmp_path: Path) -> None:
    """Two processes, one of them without a RoI: both get half the gradient of stock mmdet on the other's."""
    ranks = spawn(_rank, args=(str(tmp_path),), nprocs=2, join=False)  # type: ignore[no-untyped-call]
    end = time.monotonic() + 180
    while not ranks.join(timeout=5):
        if time.monotonic() > end:  # they may hang when they end, after all is written: what they wrote decides
            for process in ranks.processes:
                process.kill()
            break
    for name, predictor in PREDICTORS.items():
        stock, _ = heads(predictor, 5, torch.float32)
        x, labels = _batch(6)
        x.requires_grad_()
        results = stock.loss_and_target(stock(x), *sampled(labels, targets=6))
        expected = gradients(results["loss_mask"]["loss_mask"], stock, x)
        for rank in (0, 1):
            found = torch.load(tmp_path / f"{name} {rank}.pth", weights_only=True)
            for key, gradient in found.items():
                torch.testing.assert_close(gradient, expected[key] / 2, **CLOSE[torch.float32])
