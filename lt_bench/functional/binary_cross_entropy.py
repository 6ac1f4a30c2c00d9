"""Weighted binary cross-entropy with margins, and the sums of its gradient."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lt_bench.functional import compiled
from lt_bench.functional.chunks import chunks, first_order, on_cpu, scratch
from lt_bench.functional.targets import LOG2_E, Positives, one_hot, softplus


def plain_binary_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    negative: Tensor,
    positive: Tensor,
    scale: float,
    shift: Tensor,
    ignore_negatives: Tensor,
) -> Tensor:
    """The formula of `binary_cross_entropy`, every argument given."""
    target = one_hot(logits, labels)
    has_positive = labels[:, None] < logits.shape[1]
    z = scale * logits + shift
    weight = torch.where(target, positive, torch.where(has_positive & ignore_negatives, 0.0, negative))
    return (weight * softplus(torch.where(target, -z, z))).sum()


def binary_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    negative: Tensor | None = None,
    positive: Tensor | None = None,
    scale: float = 1.0,
    shift: Tensor | None = None,
    ignore_negatives: Tensor | None = None,
) -> Tensor:
    """Weighted binary cross-entropy with margins, summed over N RoIs and K channels.

    With y_nk = 1 where k is the label of RoI n, else 0, z_nk = scale s_nk + shift_k, and w_nk = positive_k where
    y_nk = 1, else negative_k:

        sum over n, k of w_nk (log(1 + exp(z_nk)) - y_nk z_nk)

    Only the logits get a gradient. Differentiating it again is refused (RuntimeError) on a CPU and when compiled.

    Args:
        logits: float32 or float64 [N, K].
        labels: int64 [N]; a label of K or above has no channel, its RoI no positive.
        negative, positive: weights [K], 1 by default.
        scale: factor of the logits.
        shift: [K], 0 by default.
        ignore_negatives: bool [K], channels that get no negatives from RoIs with a positive.

    Returns:
        A scalar.
    """
    if not logits.numel():  # no RoI, or no channel
        return logits.sum()
    ones = logits.new_ones(logits.shape[1])
    negative, positive = (ones if weight is None else weight.to(logits) for weight in (negative, positive))
    shift = None if shift is None else shift.to(logits)
    if on_cpu(logits):
        loss: Tensor = _Chunked.apply(logits, labels, negative, positive, scale, shift, ignore_negatives)  # type: ignore[no-untyped-call]
        return loss
    # Both as tensors: a compiled function is compiled anew for a None in place of one.
    shift = torch.zeros_like(ones) if shift is None else shift
    ignore_negatives = torch.zeros_like(ones, dtype=torch.bool) if ignore_negatives is None else ignore_negatives
    return compiled.call(plain_binary_cross_entropy, logits, labels, negative, positive, scale, shift, ignore_negatives)


def sigmoid_gradient_sums(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over the RoIs of |sigmoid(s) - y|, of positives and of negatives, without gradient.

    Args:
        logits: float [N, K].
        labels: int64 [N]; a label of K or above has no channel.

    Returns:
        float64 [K] for the positives, and for the negatives.
    """
    logits = logits.detach()
    if not on_cpu(logits):
        target = one_hot(logits, labels)
        gradient = torch.where(target, -logits, logits).sigmoid()
        return tuple((gradient * part).sum(dim=0, dtype=torch.float64) for part in (target, ~target))  # type: ignore[return-value]
    positives = Positives(logits, labels)
    positive, negative = (logits.new_zeros(logits.shape[1], dtype=torch.float64) for _ in range(2))
    gradient = torch.where(positives.exist, (-positives.logit).sigmoid(), 0.0)
    positive.index_add_(0, positives.channel[:, 0], gradient[:, 0].double())
    for rows in chunks(logits):
        (sigmoid,) = scratch(logits[rows])
        torch.sigmoid(logits[rows], out=sigmoid)
        positives.write(sigmoid, rows, 0.0)
        negative += sigmoid.sum(dim=0)
    return positive, negative


class _Chunked(torch.autograd.Function):
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
        ignore_negatives: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(logits, labels, negative, positive, shift, ignore_negatives)
        ctx.scale = scale
        z = _Margins(logits, labels, scale, shift, ignore_negatives)
        loss = (_sums_of_softplus(z) * negative).sum()  # no matrix product: autocast would make it imprecise
        return loss + z.positives.sum(softplus(z.of_positives()) * positive[z.positives.channel])

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, labels, negative, positive, shift, ignore_negatives = ctx.saved_tensors
        z = _Margins(logits, labels, ctx.scale, shift, ignore_negatives)
        factor = grad_output * ctx.scale
        negative = negative * factor
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format)
        for rows in chunks(logits):
            z.write_negatives(rows, gradient[rows]).sigmoid_().mul_(negative)
        slope = -z.of_positives().sigmoid_() * (factor * positive)[z.positives.channel]
        z.positives.write(gradient, slice(None), slope)
        return gradient, *[None] * 6


class _Margins:
    """z = scale s + shift of the negatives, and minus that of the positives."""

    def __init__(
        self, logits: Tensor, labels: Tensor, scale: float, shift: Tensor | None, ignore_negatives: Tensor | None
    ) -> None:
        self.logits, self.scale, self.shift = logits, scale, shift
        self.positives = Positives(logits, labels)
        self.ignored: tuple[Tensor, Tensor] | None = None
        if ignore_negatives is not None:
            # Not -inf, whose product with 0 is not a number.
            self.ignored = self.positives.exist[:, 0].to(logits), -1e30 * ignore_negatives.to(logits)

    def write_negatives(self, rows: slice, out: Tensor, unit: float = 1.0) -> Tensor:
        """unit * z of some rows into `out` [n, K]; -1e30 and less where negatives are ignored."""
        logits, scale = self.logits[rows], self.scale * unit
        if self.ignored is not None:
            torch.addr(logits, self.ignored[0][rows], self.ignored[1], beta=scale, out=out)
            return out if self.shift is None else out.add_(self.shift, alpha=unit)
        if self.shift is None:
            return torch.mul(logits, scale, out=out)
        return torch.add(self.shift * unit, logits, alpha=scale, out=out)

    def of_positives(self) -> Tensor:
        """[N, 1]"""
        z = self.positives.logit * -self.scale
        return z if self.shift is None else z.sub_(self.shift[self.positives.channel])


def _sums_of_softplus(z: _Margins) -> Tensor:
    """Sums of log(1 + exp(z)) over the negatives of each channel: [K]."""
    sums = torch.zeros_like(z.logits[0])
    for rows in chunks(z.logits):
        (values,) = scratch(z.logits[rows])
        z.write_negatives(rows, values, LOG2_E)
        z.positives.write(values, rows, -math.inf)
        parts = _short_sums(values)
        if not all(math.isfinite(part.sum()) for part in parts):
            z.write_negatives(rows, values)
            z.positives.write(values, rows, -math.inf)
            parts = [softplus(values).sum(dim=0)]
        for part in parts:
            sums += part
    return sums


def _short_sums(z: Tensor) -> list[Tensor]:
    """Sums of log(1 + 2^z) over parts of the rows of z [n, K]: [K] each. Overwrites z.

    log(1 + a) + log(1 + b) = log(1 + (a + b + a b)), which keeps the digits of tiny powers: one logarithm serves four
    rows. Four large powers overflow to infinity.
    """
    odds = z.exp2_()
    quarter = len(odds) // 4
    for half in (2 * quarter, quarter):
        a, b = odds[:half], odds[half : 2 * half]
        a.add_(b.addcmul_(b, a))
    return [part.log1p_().sum(dim=0) for part in (odds[:quarter], odds[4 * quarter :]) if len(part)]
