"""Sums of sigmoid losses over N x K logits that touch the logits as seldom as possible.

The obvious way builds a one-hot target, a weight for every entry and several temporaries, each as large as the logits.
Here labels stay integers and weights stay vectors, and the logits are gone through in chunks of rows that stay in the
processor's caches.

Two things make that simple. A RoI has one positive at most, its label's channel: these N entries are treated apart, and
the rest are negatives. And with z = s for a negative and z = -s for a positive, binary cross-entropy is softplus(z)
and its derivative by z is sigmoid(z), for both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from lt_bench import fused

# Entries of a temporary: 2 MiB in float32 stay in the caches, and with fewer the calls themselves begin to cost.
CHUNK = 2**19


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy summed over N RoIs: a scalar, the sum of -log softmax(s)[label].

    logits: float32 or float64 [N, K]. labels: int64 [N] in 0..K - 1. torch's own keeps a tensor of the size of the
    logits between the passes and allocates two in the second; this one keeps none and allocates the gradient.
    That can't be differentiated again (RuntimeError).
    """
    loss: Tensor = _CrossEntropy.apply(logits, labels)  # type: ignore[no-untyped-call]
    return loss


def binary_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    negative: Tensor | None = None,
    positive: Tensor | None = None,
    scale: float = 1.0,
    shift: Tensor | None = None,
    spared: Tensor | None = None,
) -> Tensor:
    """Weighted binary cross-entropy with margins, summed over N RoIs and K channels: a scalar.

    With y_nk = 1 where k is the label of RoI n, else 0, z_nk = scale s_nk + shift_k, and w_nk = positive_k where
    y_nk = 1, else negative_k:

        sum over n, k of w_nk (log(1 + exp(z_nk)) - y_nk z_nk)

    logits: float32 or float64 [N, K]. labels: int64 [N]; a label of K or above has no channel, its RoI no positive.
    negative, positive: weights [K], 1 by default. shift: [K], 0 by default. spared: bool [K], channels that get no
    negatives from RoIs with a positive. Only the logits get a gradient, which is allocated in the backward pass and
    can't be differentiated again (RuntimeError).
    """
    if not logits.numel():  # no RoI, or no channel
        return logits.sum()
    ones = logits.new_ones(logits.shape[1])
    weights = [ones if weight is None else weight.to(logits) for weight in (negative, positive)]
    shift = None if shift is None else shift.to(logits)
    loss: Tensor = _BinaryCrossEntropy.apply(logits, labels, *weights, scale, shift, spared)  # type: ignore[no-untyped-call]
    return loss


def focal_loss(logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
    """Sigmoid focal loss, summed over N RoIs and K channels: a scalar.

    With p_t = sigmoid(s) and alpha_t = alpha at a RoI's label, p_t = 1 - sigmoid(s) and alpha_t = 1 - alpha elsewhere:

        sum over n, k of -alpha_t (1 - p_t)^gamma log(p_t)

    logits: float32 or float64 [N, K]. labels: int64 [N]; a label of K or above has no channel. The gradient can't
    be differentiated again (RuntimeError).
    """
    loss: Tensor = _Focal.apply(logits, labels, alpha, gamma)  # type: ignore[no-untyped-call]
    return loss


def sigmoid_gradient_sums(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over the RoIs of |sigmoid(s) - y|, of positives and of negatives: float64 [K] each, without gradient.

    logits: float [N, K]. labels: int64 [N]; a label of K or above has no channel.
    """
    logits = logits.detach()
    own = _Own(logits, labels)
    positive, negative = (logits.new_zeros(logits.shape[1], dtype=torch.float64) for _ in range(2))
    positive.index_add_(0, own.column[:, 0], (own.exists * (-own.entry).sigmoid())[:, 0].double())
    for rows in chunks(logits):
        sigmoid = logits[rows].sigmoid()
        own.put(sigmoid, rows, 0.0)
        negative += sigmoid.sum(dim=0)
    return positive, negative


def chunks(logits: Tensor, temporaries: int = 1) -> Iterator[slice]:
    """The rows of logits [N, K] in portions, so that the temporaries of one have about CHUNK entries together.

    On a GPU, slow with small portions, all at once.
    """
    rows = max(CHUNK // (temporaries * max(logits.shape[1], 1)), 1) if _on_cpu(logits) else max(len(logits), 1)
    for start in range(0, len(logits), rows):
        yield slice(start, start + rows)


class _Own:
    """The entry of each row at its label's channel: its only positive. All [N, 1].

    Masks instead of boolean indices throughout: those would make a GPU wait for the processor.
    """

    def __init__(self, logits: Tensor, labels: Tensor) -> None:
        self.exists = labels[:, None] < logits.shape[1]
        self.column = labels[:, None].clamp(max=logits.shape[1] - 1)
        self.entry = logits.gather(1, self.column)

    def put(self, target: Tensor, rows: slice, value: Tensor | float) -> None:
        """Overwrites the entries of some rows in `target` [n, K], which holds these rows."""
        column = self.column[rows]
        target.scatter_(1, column, torch.where(self.exists[rows], value, target.gather(1, column)))


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        ctx.save_for_backward(logits, labels)
        column = labels[:, None]
        total = logits.new_zeros(())
        for rows in chunks(logits):
            total -= logits[rows].log_softmax(dim=1).gather(1, column[rows]).sum()
        return total

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, labels = ctx.saved_tensors
        column = labels[:, None]
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format)
        for rows in chunks(logits):
            softmax = torch.softmax(logits[rows], dim=1, out=gradient[rows])
            softmax.scatter_(1, column[rows], softmax.gather(1, column[rows]) - 1).mul_(grad_output)
        return gradient, None


class _BinaryCrossEntropy(torch.autograd.Function):
    """The backward pass computes sigmoid(z) anew: that is as cheap as keeping it, and only the logits are kept."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        labels: Tensor,
        negative: Tensor,
        positive: Tensor,
        scale: float,
        shift: Tensor | None,
        spared: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(logits, labels, negative, positive, shift, spared)
        ctx.scale = scale
        if fused.usable(logits):
            return fused.binary_cross_entropy(logits, labels, negative, positive, scale, *_dense(shift, spared, logits))
        own = _Own(logits, labels)

        def negatives(rows: slice, unit: float) -> Tensor:
            z = _affine(logits[rows], scale * unit, None if shift is None else shift * unit)
            _spare(z, own.exists[rows], spared)
            own.put(z, rows, -math.inf)
            return z

        column_loss = torch.zeros_like(negative)
        for rows in chunks(logits):
            # A GPU would wait for the answer whether the short sum overflowed, and is bound by memory anyway.
            total = _short_sum_of_softplus(negatives(rows, _LOG2_E)) if _on_cpu(logits) else None
            column_loss += _softplus(negatives(rows, 1)).sum(dim=0) if total is None else total
        own_loss = _softplus(-_affine(own.entry, scale, shift, own.column))
        # Products and sums, no matrix product: autocast would round that to half precision.
        return (column_loss * negative).sum() + (own.exists * own_loss * positive[own.column]).sum()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, labels, negative, positive, shift, spared = ctx.saved_tensors
        if fused.usable(logits):
            dense = _dense(shift, spared, logits)
            weights = (negative, positive)
            gradient = fused.binary_cross_entropy_gradient(logits, labels, *weights, ctx.scale, *dense, grad_output)
            return gradient, *[None] * 6
        own = _Own(logits, labels)
        factor = grad_output * ctx.scale
        negative = negative * factor
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format)
        for rows in chunks(logits):
            z = _affine(logits[rows], ctx.scale, shift, out=gradient[rows])
            _spare(z, own.exists[rows], spared)
            z.sigmoid_().mul_(negative)
        own_slope = torch.sigmoid(-_affine(own.entry, ctx.scale, shift, own.column))
        own.put(gradient, slice(None), -own_slope * factor * positive[own.column])
        return gradient, *[None] * 6


class _Focal(torch.autograd.Function):
    """The forward pass makes the gradient too: it needs the same logarithms, which cost more than to keep it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
        ctx.alpha, ctx.gamma, ctx.fused = alpha, gamma, fused.usable(logits)
        if ctx.fused:
            ctx.save_for_backward(logits, labels)
            return fused.focal(logits, labels, alpha, gamma)
        own = _Own(logits, labels)
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format) if ctx.needs_input_grad[0] else None
        total = logits.new_zeros(())
        for rows in chunks(logits, temporaries=2):
            z = logits[rows].clone()
            own.put(z, rows, -math.inf)
            total += _focal(z, gamma, None if gradient is None else gradient[rows]).sum()
        own_slope = torch.empty_like(own.entry)
        own_loss = _focal(-own.entry, gamma, own_slope)
        ctx.save_for_backward(gradient, labels, own_slope)
        return (1 - alpha) * total + alpha * (own.exists * own_loss).sum()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.fused:
            return fused.focal_gradient(*ctx.saved_tensors, ctx.alpha, ctx.gamma, grad_output), None, None, None
        slope, labels, own_slope = ctx.saved_tensors
        gradient = slope * ((1 - ctx.alpha) * grad_output)
        _Own(gradient, labels).put(gradient, slice(None), -ctx.alpha * grad_output * own_slope)
        return gradient, None, None, None


_LOG2_E = math.log2(math.e)


def _on_cpu(logits: Tensor) -> bool:
    return logits.device.type == "cpu"


def _dense(shift: Tensor | None, spared: Tensor | None, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Both written out: a compiled function is compiled anew for a None in place of a tensor."""
    zeros = logits.new_zeros(logits.shape[1])
    return zeros if shift is None else shift, zeros.bool() if spared is None else spared


def _affine(
    logits: Tensor, scale: float, shift: Tensor | None, column: Tensor | None = None, out: Tensor | None = None
) -> Tensor:
    """scale s + shift, for all columns or for the given one of each row: a new tensor, which the caller may change."""
    if shift is None:
        return torch.mul(logits, scale, out=out)
    return torch.add(shift if column is None else shift[column], logits, alpha=scale, out=out)


def _spare(z: Tensor, exists: Tensor, spared: Tensor | None) -> None:
    """Takes out the spared negatives, in place. Not with -inf, whose product with 0 is no number."""
    if spared is not None:
        z.addr_(exists[:, 0].to(z), spared.to(z), alpha=-1e30)


def _softplus(z: Tensor) -> Tensor:
    """log(1 + exp(z)). Above the threshold that is z to the last bit, in float64 too."""
    return F.softplus(z, threshold=40.0)


def _short_sum_of_softplus(z: Tensor) -> Tensor | None:
    """Sums of log(1 + 2^z) over the rows, [K], or None when they overflow. Overwrites z.

    log(1 + a) + log(1 + b) = log(1 + (a + b + a b)), which keeps the digits of tiny powers: one logarithm serves four
    rows. Four large powers overflow.
    """
    odds = z.exp2_()
    quarter = len(odds) // 4
    for half in (2 * quarter, quarter):
        a, b = odds[:half], odds[half : 2 * half]
        a.add_(b.addcmul_(b, a))
    total = odds[:quarter].log1p_().sum(dim=0) + odds[4 * quarter :].log1p_().sum(dim=0)
    return total if total.isfinite().all() else None


def _focal(z: Tensor, gamma: float, slope: Tensor | None) -> Tensor:
    """sigmoid(z)^gamma softplus(z); its derivative by z goes into `slope`. Overwrites z.

    With L the loss, m = sigmoid^gamma, the derivative is m (sigmoid + gamma (1 - sigmoid) softplus)
    = gamma L + sigmoid (m - gamma L).
    """
    loss = _softplus(z)
    sigmoid = z.sigmoid_()
    power = sigmoid * sigmoid if gamma == 2 else sigmoid**gamma
    loss *= power
    if slope is not None:
        torch.mul(loss, gamma, out=slope)
        slope.addcmul_(sigmoid, power.sub_(slope))
    return loss
