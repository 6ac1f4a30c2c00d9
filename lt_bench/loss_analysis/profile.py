"""The profile of a loss: its gradients, margin and weight per class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss
from lt_bench.loss_analysis.batches import label_shares
from lt_bench.loss_analysis.gradients import averaged_gradients, exact_gradients, is_separable, train
from lt_bench.loss_analysis.margins import margins_and_weights
from lt_bench.utils.frequency import COMMON, FREQUENCIES, RARE

Array = npt.NDArray[np.float64]
Report = Callable[[int, int], None]

GROUPS = (*FREQUENCIES.values(), "background")


@dataclass(frozen=True)
class LossProfile:
    """What a loss does to each class, background last: float64 [C + 1] each, NaN where there is no such thing.

    Gradients are |dL/ds| at the class's own logit, times the number of RoIs of the batch, all logits zero.

    name: the loss. calls: training calls before it was measured. exact: False if it is a mean over drawn batches.
    weight: positive plus negative gradient at the margin. margin: the logit at which the two are equal.
    positive: the gradient of a RoI of the class. negative: its mean over the other RoIs of a training batch.
    pull_up, pull_down: each times the share of such RoIs in a batch. ratio: pull_up / pull_down.
    """

    name: str
    calls: int
    exact: bool
    weight: Array
    margin: Array
    positive: Array
    negative: Array
    pull_up: Array
    pull_down: Array
    ratio: Array


def measure(
    name: str,
    build: Callable[[], LongTailLoss],
    calls: int = 0,
    seed: int = 0,
    report: Report = lambda done, total: None,
) -> LossProfile:
    """Measure the loss that `build` makes, after that many training calls on drawn labels with all logits zero.

    The same seed gives the same numbers; the global generator is left as it was. Raises what the loss raises, and
    ArithmeticError if a gradient is not finite.
    """

    def build_under(number: int) -> LongTailLoss:
        torch.manual_seed(number)
        return build()

    with torch.random.fork_rng(devices=[]):
        generator = torch.Generator().manual_seed(seed)
        exact = is_separable(lambda copy: build_under(seed + copy), generator)
        loss = build_under(seed)
        train(loss, calls, generator, report)
        at_zero = exact_gradients(loss) if exact else averaged_gradients(loss, generator, report)
        margin, weight = margins_and_weights(loss, at_zero)
    shares = label_shares(loss.stats)
    up, down = shares * at_zero.positive, (1 - shares) * at_zero.negative
    columns = (weight, margin, at_zero.positive, at_zero.negative, up, down, up / down)
    return LossProfile(name, calls, exact, *(column.numpy() for column in columns))


def frequency_groups(stats: ClassStats) -> npt.NDArray[np.str_]:
    """LVIS's groups by training images, background last: [C + 1]. Rare up to 10, common up to 100."""
    images = np.array(stats.image_count)
    groups = np.array(GROUPS)[np.searchsorted((RARE, COMMON), images)]
    return np.append(groups, "background")
