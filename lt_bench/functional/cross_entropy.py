"""Softmax cross-entropy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy summed over N RoIs: the sum of -log softmax(s)[label].

    Args:
        logits: float32 or float64 [N, K].
        labels: int64 [N] in 0..K - 1.

    Returns:
        A scalar.
    """
    return F.cross_entropy(logits, labels, reduction="sum")
