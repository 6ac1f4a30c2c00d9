"""What sigmoid losses share: the label's channel is the only positive of a RoI, all others are negatives."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG2_E = math.log2(math.e)


def one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether an entry of logits [N, K] is its RoI's positive: bool [N, K]. A label of K or above has no channel."""
    return labels[:, None] == torch.arange(logits.shape[1], device=logits.device)


def softplus(z: Tensor) -> Tensor:
    """log(1 + exp(z)), which is binary cross-entropy for z = s of a negative and for z = -s of a positive."""
    return F.softplus(z, threshold=40.0)  # above it softplus(z) is z to the last bit, in float64 too


class Positives:
    """The positives without a one-hot target: for each RoI whether it has one, its channel and its logit, all [N, 1].

    Where there is none, they are those of the last channel.
    """

    def __init__(self, logits: Tensor, labels: Tensor) -> None:
        self.exist = labels[:, None] < logits.shape[1]
        self.channel = labels[:, None].clamp(max=logits.shape[1] - 1)
        self.logit = logits.gather(1, self.channel)

    def write(self, target: Tensor, rows: slice, value: Tensor | float) -> None:
        """Overwrites the positives of some rows in `target` [n, K], which holds these rows."""
        channel = self.channel[rows]
        target.scatter_(1, channel, torch.where(self.exist[rows], value, target.gather(1, channel)))

    def sum(self, loss: Tensor) -> Tensor:
        """The sum of `loss` [N, 1] over the positives that exist: a scalar."""
        return torch.where(self.exist, loss, 0.0).sum()
