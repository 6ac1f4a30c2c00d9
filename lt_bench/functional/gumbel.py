"""Binary cross-entropy of the Gumbel activation exp(-exp(-s))."""

from __future__ import annotations

import torch
from torch import Tensor

from lt_bench.functional.targets import one_hot

FLOOR = 1e-12  # of p (1 - p) in torch's binary_cross_entropy
LARGEST = 80.0  # exponentials of more than this leave float32's normal numbers


def gumbel_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    low: float,
    high: float,
    dropped: Tensor | None = None,
    official_gradient: bool = False,
) -> Tensor:
    """Binary cross-entropy of p = exp(-exp(-z)), z = s between `low` and `high`, summed over N RoIs and K channels.

    With e = exp(-z), and y_nk = 1 where k is the label of RoI n, else 0:

        sum over n, k of y_nk e - (1 - y_nk) log(1 - exp(-e))

    Outside of `low` to `high` the gradient is 0.

    Args:
        logits: float32 or float64 [N, K].
        labels: int64 [N]; a label of K or above has no channel.
        low, high: bounds of z, within LARGEST of 0.
        dropped: bool [N, K], negatives that do not count; positives count whatever it says.
        official_gradient: whether p (1 - p) is taken for at least 1e-12 where the gradient divides by it, as in the
            backward pass of torch's binary_cross_entropy, which makes it vanish for a positive with s below -3.32.

    Returns:
        A scalar.
    """
    target = one_hot(logits, labels)
    e = (-logits.clamp(low, high)).exp()
    if official_gradient:
        p = (-e.detach()).exp()
        variance = p * -torch.expm1(-e.detach())
        # The value of e, and this share of its gradient.
        e = e.detach() + (e - e.detach()) * (variance / variance.clamp(min=FLOOR))
    loss = torch.where(target, e, -(-torch.expm1(-e)).log())
    if dropped is not None:
        loss = loss.masked_fill(dropped & ~target, 0.0)
    return loss.sum()


def gumbel(logits: Tensor) -> Tensor:
    """exp(-exp(-s)), elementwise."""
    return (-(-logits).exp()).exp()
