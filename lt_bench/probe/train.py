"""Trains a classifier on stored features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lt_bench.errors import RunFailedError
from lt_bench.probe.sampling import ImageOrder, RoISampler, random_of

if TYPE_CHECKING:
    from lt_bench.features.store import Split

CHECK_EVERY = 50  # steps, after which a GPU is asked whether the loss is finite
REPORT_EVERY = 10  # steps

Report = Callable[[int], None]


@dataclass(frozen=True)
class Optimizer:
    """SGD. clip: the most that the L2 norm of the gradient may be, None for no limit."""

    momentum: float
    weight_decay: float
    clip: float | None


class Batches:
    """The RoIs of each step: a function of the seed and the step."""

    def __init__(
        self, epochs_of_boxes: Sequence[Split], order: ImageOrder, samplers: Sequence[RoISampler], seed: int
    ) -> None:
        """epochs_of_boxes: the training split of each epoch; after the last comes the first again. samplers: theirs."""
        self._splits, self._samplers = epochs_of_boxes, samplers
        self._order, self._seed = order, seed

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """The features [R, D], as they are stored, and the labels int64 [R] of a step."""
        random = random_of(self._seed, step)
        features, labels = [], []
        for epoch, images in self._order.at(step):
            split = self._splits[epoch % len(self._splits)]
            rows = self._samplers[epoch % len(self._splits)].draw(images, random)
            features.append(np.take(split.features, rows, axis=0))
            labels.append(np.take(split.labels, rows))
        return torch.from_numpy(_joined(features)), torch.from_numpy(_joined(labels)).long()


def train(
    classifier: nn.Module,
    loss: Callable[[Tensor, Tensor], dict[str, Tensor]],
    parameters: Sequence[Tensor],
    batches: Batches,
    rates: Sequence[float],
    optimizer: Optimizer,
    report: Report = lambda step: None,
) -> None:
    """Take a step with every rate.

    classifier: features float32 [R, D] to logits [R, K]. loss: logits and labels to terms that sum to the loss.
    parameters: of both. report: told now and then how many steps are done.

    Raises RunFailedError when the loss becomes NaN or infinite.
    """
    device = parameters[0].device
    sgd = torch.optim.SGD(parameters, lr=max(rates), momentum=optimizer.momentum, weight_decay=optimizer.weight_decay)
    finite = torch.ones((), dtype=torch.bool, device=device)
    for step, rate in enumerate(rates):
        features, labels = batches.at(step)
        logits = classifier(features.to(device).to(parameters[0].dtype))
        total = torch.stack([term.reshape(()) for term in loss(logits, labels.to(device)).values()]).sum()
        finite &= torch.isfinite(total.detach())
        for group in sgd.param_groups:
            group["lr"] = rate
        sgd.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        if optimizer.clip is not None:
            nn.utils.clip_grad_norm_(parameters, optimizer.clip)
        sgd.step()
        looks = device.type == "cpu" or (step + 1) % CHECK_EVERY == 0 or step + 1 == len(rates)
        if looks and not bool(finite):
            raise RunFailedError(f"the loss became infinite or NaN at or before step {step + 1}")
        if (step + 1) % REPORT_EVERY == 0:
            report(step + 1)


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.asarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)
