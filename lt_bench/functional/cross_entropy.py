"""Softmax cross-entropy."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.functional.chunks import first_order, is_small, on_cpu, rowwise_chunks, scratch


def plain_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The formula of `cross_entropy`."""
    return F.cross_entropy(logits, labels, reduction="sum")


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy summed over N RoIs: the sum of -log softmax(s)[label].

    torch's own keeps a tensor of the size of the logits between the passes and allocates two in the second. On a CPU
    that takes twice the time once they are large: then they are gone through twice instead, and only the gradient is
    allocated, which can't be differentiated again (RuntimeError).

    Args:
        logits: float32 or float64 [N, K].
        labels: int64 [N] in 0..K - 1.

    Returns:
        A scalar.
    """
    if not on_cpu(logits) or is_small(logits):
        return plain_cross_entropy(logits, labels)
    loss: Tensor = _Chunked.apply(logits, labels)  # type: ignore[no-untyped-call]
    return loss


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        ctx.save_for_backward(logits, labels)
        channel = labels[:, None]
        total = logits.new_zeros(())
        for rows in rowwise_chunks(logits):
            (log_softmax,) = scratch(logits[rows])
            torch.ops.aten._log_softmax.out(logits[rows], 1, False, out=log_softmax)  # the public one takes no `out`
            total -= log_softmax.gather(1, channel[rows]).sum()
        return total

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, labels = ctx.saved_tensors
        channel = labels[:, None]
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format)
        for rows in rowwise_chunks(logits):
            softmax = torch.softmax(logits[rows], dim=1, out=gradient[rows])
            softmax.scatter_(1, channel[rows], softmax.gather(1, channel[rows]) - 1).mul_(grad_output)
        return gradient, None
