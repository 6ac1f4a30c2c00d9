"""Sigmoid focal loss."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.functional import compiled
from lt_bench.functional.chunks import chunks, first_order, on_cpu, scratch
from lt_bench.functional.targets import LOG2_E, Positives, one_hot, softplus


def plain_focal_loss(logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
    """The formula of `focal_loss`."""
    target = one_hot(logits, labels)
    alpha_t = torch.where(target, alpha, 1 - alpha)
    z = torch.where(target, -logits, logits)  # log(p_t) = -softplus(z), log(1 - p_t) = logsigmoid(z)
    return (alpha_t * (gamma * F.logsigmoid(z)).exp() * softplus(z)).sum()


def focal_loss(logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
    """Sigmoid focal loss, summed over N RoIs and K channels.

    With p_t = sigmoid(s) and alpha_t = alpha at a RoI's label, p_t = 1 - sigmoid(s) and alpha_t = 1 - alpha at the
    other channels:

        sum over n, k of -alpha_t (1 - p_t)^gamma log(p_t)

    Differentiating the gradient again is refused (RuntimeError) on a CPU and when compiled.

    Args:
        logits: float32 or float64 [N, K].
        labels: int64 [N]; a label of K or above has no channel.
        alpha: weight of the positives.
        gamma: focusing exponent.

    Returns:
        A scalar.
    """
    if on_cpu(logits):
        loss: Tensor = _Chunked.apply(logits, labels, alpha, gamma)  # type: ignore[no-untyped-call]
        return loss
    return compiled.call(plain_focal_loss, logits, labels, alpha, gamma)


class _Chunked(torch.autograd.Function):
    """The forward pass makes the gradient too: it needs the same logarithms, which cost more than to keep it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
        positives = Positives(logits, labels)
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format) if ctx.needs_input_grad[0] else None
        total = _sum_over_negatives(logits, positives, gamma, gradient)
        z = -positives.logit
        slope = torch.empty_like(z)
        loss = _focal(softplus(z), z.sigmoid_(), torch.empty_like(z), gamma, slope)
        ctx.save_for_backward(gradient, labels, slope)
        ctx.alpha = alpha
        return (1 - alpha) * total + alpha * positives.sum(loss)

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        negatives, labels, slope = ctx.saved_tensors
        gradient = negatives * ((1 - ctx.alpha) * grad_output)
        Positives(gradient, labels).write(gradient, slice(None), -ctx.alpha * grad_output * slope)
        return gradient, None, None, None


def _sum_over_negatives(logits: Tensor, positives: Positives, gamma: float, slope: Tensor | None) -> Tensor:
    """Sum of sigmoid(s)^gamma softplus(s) over the negatives; its derivatives go into `slope` [N, K]."""
    total = logits.new_zeros(())
    for rows in chunks(logits, temporaries=2):
        sigmoid, log, power = scratch(logits[rows], temporaries=3)
        for write in (_write_by_powers_of_2, _write_exactly):
            write(logits[rows], sigmoid, log, power)
            positives.write(sigmoid, rows, 0.0)
            positives.write(log, rows, 0.0)
            part = _focal(log, sigmoid, power, gamma, None if slope is None else slope[rows]).sum()
            if math.isfinite(part):
                break
        total += part
    return total


def _write_by_powers_of_2(s: Tensor, sigmoid: Tensor, log: Tensor, other: Tensor) -> None:
    """sigmoid(s), and softplus(s) into `log`; `other` gets anything. Fast, and not finite where it overflows."""
    odds = torch.mul(s, LOG2_E, out=sigmoid).exp2_()
    torch.log1p(odds, out=log)
    odds.mul_(torch.add(odds, 1, out=other).reciprocal_())


def _write_exactly(s: Tensor, sigmoid: Tensor, log: Tensor, other: Tensor) -> None:
    log.copy_(softplus(s))
    torch.sigmoid(s, out=sigmoid)


def _focal(log: Tensor, sigmoid: Tensor, power: Tensor, gamma: float, slope: Tensor | None) -> Tensor:
    """The loss L = sigmoid^gamma softplus, in `log`, which holds softplus; its derivative goes into `slope`.

    With m = sigmoid^gamma, the derivative is m (sigmoid + gamma (1 - sigmoid) softplus)
    = gamma L + sigmoid (m - gamma L). Overwrites `power`.
    """
    torch.mul(sigmoid, sigmoid, out=power) if gamma == 2 else torch.pow(sigmoid, gamma, out=power)
    loss = log.mul_(power)
    if slope is not None:
        torch.mul(loss, gamma, out=slope)
        slope.addcmul_(sigmoid, power.sub_(slope))
    return loss
