"""What the tests of all losses share: the losses, synthetic statistics and batches, values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from lt_bench.losses.acsl import ACSL
from lt_bench.losses.bags import BAGS
from lt_bench.losses.balanced_softmax import BalancedSoftmax
from lt_bench.losses.bce import BinaryCrossEntropy
from lt_bench.losses.ce import CrossEntropy
from lt_bench.losses.class_balanced import ClassBalanced
from lt_bench.losses.droploss import DropLoss
from lt_bench.losses.ecm import ECM
from lt_bench.losses.efl import EFL
from lt_bench.losses.eql import EQL
from lt_bench.losses.eqlv2 import EQLv2
from lt_bench.losses.federated import Federated
from lt_bench.losses.focal import Focal
from lt_bench.losses.gol import GOL
from lt_bench.losses.gumbel_ce import GumbelCrossEntropy
from lt_bench.losses.iif import IIF
from lt_bench.losses.ldam import LDAM
from lt_bench.losses.loce import LOCE
from lt_bench.losses.logit_adjustment import LogitAdjustment
from lt_bench.losses.seesaw import Seesaw
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss

LOSSES: dict[str, type[LongTailLoss]] = {
    "bce": BinaryCrossEntropy,
    "balanced_softmax": BalancedSoftmax,
    "logit_adjustment": LogitAdjustment,
    "class_balanced": ClassBalanced,
    "iif": IIF,
    "gumbel_ce": GumbelCrossEntropy,
    "droploss": DropLoss,
    "gol": GOL,
    "ce": CrossEntropy,
    "focal": Focal,
    "eql": EQL,
    "eqlv2": EQLv2,
    "seesaw": Seesaw,
    "federated": Federated,
    "ecm": ECM,
    "ldam": LDAM,
    "efl": EFL,
    "acsl": ACSL,
    "bags": BAGS,
    "loce": LOCE,
}
STATEFUL = ("droploss", "gol", "eqlv2", "seesaw", "federated", "efl", "acsl", "bags", "loce")

Array = npt.NDArray[np.float64]


def make_stats(image_count: Sequence[int] = (900, 2, 40, 1, 300)) -> ClassStats:
    """A long tail over five classes: 1,000 images, three instances per image."""
    return ClassStats(image_count, [3 * count for count in image_count], 1000)


def make_batch(loss: LongTailLoss, num_rois: int = 9, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits float64 [N, K] and labels int64 [N], every third RoI background."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(num_rois, loss.num_logits, dtype=torch.float64, generator=generator)
    labels = torch.randint(loss.num_classes, (num_rois,), generator=generator)
    labels[::3] = loss.num_classes
    return logits, labels


def terms_of(output: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    return output if isinstance(output, dict) else {"loss": output}


def total(output: Tensor | dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms_of(output).values())).sum()


def value_and_gradient(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.detach().clone().requires_grad_()
    value = total(loss(logits, labels))
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


def central_differences(value: Callable[[Array], float], s: Array, step: float = 1e-5) -> Array:
    """d value / d s, [N, K] as s."""
    gradient = np.zeros_like(s)
    for entry in np.ndindex(s.shape):
        difference = np.zeros_like(s)
        difference[entry] = step
        gradient[entry] = (value(s + difference) - value(s - difference)) / (2 * step)
    return gradient
