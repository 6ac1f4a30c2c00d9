"""A step is that of a plain loop in float64, and a loss that is lost is noticed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from probe_data import CLASSES, DIMENSION, made_again, made_split

from lt_bench.errors import RunFailedError
from lt_bench.features.store import Split
from lt_bench.probe.sampling import ImageOrder, RoISampler
from lt_bench.probe.train import Batches, Optimizer, train

RATES = [0.001, 0.4, 0.5, 0.5, 0.05]
CLIP = 0.5
OPTIMIZER = Optimizer(momentum=0.9, weight_decay=0.01, clip=CLIP)


def splits() -> list[Split]:
    arrays = made_split(1, 20, 14, True, seed=0)
    return [Split(**made_again(arrays, epoch)) for epoch in range(2)]


def batches(epochs: list[Split], seed: int = 0) -> Batches:
    order = ImageOrder(np.ones(20, dtype=np.int64), 8, seed)
    return Batches(epochs, order, [RoISampler(split, 6, 0.5, CLASSES) for split in epochs], seed)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"loss": torch.nn.functional.cross_entropy(logits, labels)}


def by_hand(given: Batches, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cross-entropy and SGD with momentum, weight decay and clipping as formulas, in float64."""
    speed_w, speed_b = np.zeros_like(weight), np.zeros_like(bias)
    for step, rate in enumerate(RATES):
        x, y = (tensor.numpy().astype(np.float64) for tensor in given.at(step))
        logits = x @ weight.T + bias
        chance = np.exp(logits - logits.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        chance[np.arange(len(y)), y.astype(int)] -= 1
        grad_w, grad_b = chance.T @ x / len(y), chance.mean(axis=0)
        norm = np.sqrt((grad_w**2).sum() + (grad_b**2).sum())
        scale = min(1, CLIP / (norm + 1e-6))
        speed_w = OPTIMIZER.momentum * speed_w + scale * grad_w + OPTIMIZER.weight_decay * weight
        speed_b = OPTIMIZER.momentum * speed_b + scale * grad_b + OPTIMIZER.weight_decay * bias
        weight, bias = weight - rate * speed_w, bias - rate * speed_b
    return weight, bias


def test_equals_a_plain_loop_in_float64() -> None:
    given = batches(splits())
    layer = torch.nn.Linear(DIMENSION, CLASSES + 1)
    start = [parameter.detach().double().numpy().copy() for parameter in layer.parameters()]
    expected = by_hand(given, *start)
    train(layer, cross_entropy, list(layer.parameters()), given, RATES, OPTIMIZER)
    for parameter, value, before in zip(layer.parameters(), expected, start, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), value, rtol=0, atol=2e-6)
        assert np.abs(value - before).max() > 0.05


def test_epochs_take_turns_in_the_epochs_of_boxes() -> None:
    two = splits()
    given = batches(two)
    order = ImageOrder(np.ones(20, dtype=np.int64), 8, 0)
    for step in (0, 4, 5, 7):  # of epochs 0, 1 and 2, 2, 2 and 3
        features, labels = given.at(step)
        parts = list(order.at(step))
        assert len(features) == len(labels) == 6 * 8
        allowed = [
            two[epoch % 2].features[two[0].first[image] : two[0].first[image + 1]]
            for epoch, images in parts
            for image in images
        ]
        for place, rows in enumerate(allowed):
            own = features[6 * place : 6 * place + 6].numpy()
            assert all((np.abs(rows - row).max(axis=1) == 0).any() for row in own)


def test_half_precision_is_widened() -> None:
    arrays = made_split(1, 20, 14, True, seed=0)
    half = [Split(**{**arrays, "features": arrays["features"].astype(np.float16)})]
    full = [Split(**{**arrays, "features": arrays["features"].astype(np.float16).astype(np.float32)})]
    ends = []
    for epochs in (half, full):
        torch.manual_seed(0)
        layer = torch.nn.Linear(DIMENSION, CLASSES + 1)
        train(layer, cross_entropy, list(layer.parameters()), batches(epochs), RATES, OPTIMIZER)
        ends.append(layer.weight.detach())
    assert torch.equal(*ends)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_lost_stops_the_run(value: float) -> None:
    calls = []

    def lost(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        calls.append(1)
        return {"loss": logits.sum() * (value if len(calls) == 3 else 1.0)}

    layer = torch.nn.Linear(DIMENSION, CLASSES + 1)
    with pytest.raises(RunFailedError, match="step 3"):
        train(layer, lost, list(layer.parameters()), batches(splits()), RATES, OPTIMIZER)


def test_without_clip() -> None:
    layer = torch.nn.Linear(DIMENSION, CLASSES + 1)
    before = layer.weight.detach().clone()

    def steep(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"a": 50 * logits.mean(), "b": 50 * logits.mean()}

    train(layer, steep, [layer.weight], batches(splits()), [1.0], Optimizer(0.0, 0.0, None))
    x, _ = batches(splits()).at(0)
    step = (before - layer.weight.detach()).numpy()
    expected = np.broadcast_to(100 * x.numpy().mean(axis=0) / (CLASSES + 1), step.shape)
    np.testing.assert_allclose(step, expected, rtol=1e-4)
