"""What the tests of all losses share: the losses, made-up statistics and batches, and a gradient from an oracle."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.ecm import ECM
from lt_bench.losses.eql import EQL
from lt_bench.losses.eqlv2 import EQLv2
from lt_bench.losses.federated import Federated
from lt_bench.losses.focal import Focal
from lt_bench.losses.seesaw import Seesaw
from torch import Tensor

from lt_bench.interface import ClassStats, LongTailLoss

LOSSES: dict[str, type[LongTailLoss]] = {
    "ce": CrossEntropy,
    "focal": Focal,
    "eql": EQL,
    "eqlv2": EQLv2,
    "seesaw": Seesaw,
    "federated": Federated,
    "ecm": ECM,
}
STATEFUL = ("eqlv2", "seesaw", "federated")

Rows = list[list[float]]
Oracle = Callable[[Rows, list[int]], float]


def make_stats(image_count: Sequence[int] = (900, 2, 40, 1, 300)) -> ClassStats:
    """A long tail over five classes: 1,000 images, three instances an image."""
    return ClassStats(image_count, [3 * count for count in image_count], 1000)


def make_batch(loss: LongTailLoss, num_rois: int = 9, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits float64 [N, K] and labels int64 [N], every third RoI background."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(num_rois, loss.num_logits, dtype=torch.float64, generator=generator)
    labels = torch.randint(loss.num_classes, (num_rois,), generator=generator)
    labels[::3] = loss.num_classes
    return logits, labels


def total(output: Tensor | dict[str, Tensor]) -> Tensor:
    return torch.stack(list(output.values())).sum() if isinstance(output, dict) else output


def value_and_gradient(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.detach().clone().requires_grad_()
    value = total(loss(logits, labels))
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


def check_against(oracle: Oracle, loss: LongTailLoss, logits: Tensor, labels: Tensor, dtype: torch.dtype) -> None:
    """One call of `loss`: its value equals the oracle's, its gradient the oracle's central differences."""
    logits = logits.to(dtype)
    value, gradient = value_and_gradient(loss, logits, labels)
    assert value.dtype == gradient.dtype == dtype
    single = dtype == torch.float32
    rows, classes = logits.double().tolist(), labels.tolist()
    assert value.item() == pytest.approx(oracle(rows, classes), rel=1e-5 if single else 1e-11)
    expected = central_differences(oracle, rows, classes)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-5, atol=2e-7 if single else 1e-9)


def central_differences(oracle: Oracle, rows: Rows, labels: list[int], step: float = 1e-5) -> npt.NDArray[np.float64]:
    gradient = np.zeros((len(rows), len(rows[0])))
    for n, row in enumerate(rows):
        for c, logit in enumerate(row):
            row[c] = logit + step
            above = oracle(rows, labels)
            row[c] = logit - step
            gradient[n, c] = (above - oracle(rows, labels)) / (2 * step)
            row[c] = logit
    return gradient


def sigmoid(s: float) -> float:
    return 1 / (1 + math.exp(-s))


def bce(p: float, y: bool) -> float:
    return -math.log(p) if y else -math.log(1 - p)


def softmax(row: Sequence[float]) -> list[float]:
    exponentials = [math.exp(s) for s in row]
    return [e / sum(exponentials) for e in exponentials]
