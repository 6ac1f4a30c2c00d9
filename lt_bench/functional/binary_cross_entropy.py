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
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.functional import compiled
from lt_bench.functional.chunks import chunks, first_order, on_cpu, scratch

# Entries of a portion for operators that go row by row, and so stay in the caches anyway.
ROWWISE = 2**21


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy summed over N RoIs: a scalar, the sum of -log softmax(s)[label].

    logits: float32 or float64 [N, K]. labels: int64 [N] in 0..K - 1. torch's own keeps a tensor of the size of the
    logits between the passes and allocates two in the second. That is the faster way while they are small. Large ones
    are gone through twice instead, and only the gradient is allocated; it can't be differentiated again (RuntimeError).
    """
    if on_cpu(logits) and logits.numel() <= ROWWISE:
        return F.cross_entropy(logits, labels, reduction="sum")
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
    positive.index_add_(0, own.column[:, 0], torch.where(own.exists, (-own.entry).sigmoid(), 0.0)[:, 0].double())
    for rows in chunks(logits):
        (sigmoid,) = scratch(logits[rows])
        torch.sigmoid(logits[rows], out=sigmoid)
        own.put(sigmoid, rows, 0.0)
        negative += sigmoid.sum(dim=0)
    return positive, negative


class _Own:
    """The entry of each row at its label's channel: its only positive. All [N, 1].

    Masks instead of boolean indices: those would make a GPU wait for the processor.
    """

    def __init__(self, logits: Tensor, labels: Tensor) -> None:
        self.exists = labels[:, None] < logits.shape[1]
        self.column = labels[:, None].clamp(max=logits.shape[1] - 1)
        self.entry = logits.gather(1, self.column)
        self.everywhere = on_cpu(logits) and bool(self.exists.all())

    def put(self, target: Tensor, rows: slice, value: Tensor | float) -> None:
        """Overwrites the entries of some rows in `target` [n, K], which holds these rows."""
        column = self.column[rows]
        if not self.everywhere:
            value = torch.where(self.exists[rows], value, target.gather(1, column))
        target.scatter_(1, column, value)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        ctx.save_for_backward(logits, labels)
        column = labels[:, None]
        total = logits.new_zeros(())
        for rows in chunks(logits, entries=ROWWISE):
            (log_softmax,) = scratch(logits[rows])
            torch.ops.aten._log_softmax.out(logits[rows], 1, False, out=log_softmax)  # the public one takes no `out`
            total -= log_softmax.gather(1, column[rows]).sum()
        return total

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, labels = ctx.saved_tensors
        column = labels[:, None]
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format)
        for rows in chunks(logits, entries=ROWWISE):
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
        if compiled.usable(logits):
            return compiled.binary_cross_entropy(
                logits, labels, negative, positive, scale, *_dense(shift, spared, logits)
            )
        entries = _Entries(logits, labels, scale, shift, spared)
        loss = (_sums_of_softplus(entries) * negative).sum()  # no matrix product: autocast would make it imprecise
        own = entries.own
        own_loss = _softplus(entries.own_z()) * positive[own.column]
        return loss + (own_loss if own.everywhere else torch.where(own.exists, own_loss, 0.0)).sum()

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        logits, labels, negative, positive, shift, spared = ctx.saved_tensors
        if compiled.usable(logits):
            dense = _dense(shift, spared, logits)
            weights = (negative, positive)
            gradient = compiled.binary_cross_entropy_gradient(logits, labels, *weights, ctx.scale, *dense, grad_output)
            return gradient, *[None] * 6
        entries = _Entries(logits, labels, ctx.scale, shift, spared)
        factor = grad_output * ctx.scale
        negative = negative * factor
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format)
        for rows in chunks(logits):
            entries.write_z(rows, gradient[rows]).sigmoid_().mul_(negative)
        own_gradient = -entries.own_z().sigmoid_() * (factor * positive)[entries.own.column]
        entries.own.put(gradient, slice(None), own_gradient)
        return gradient, *[None] * 6


class _Entries:
    """Writes z for some rows."""

    def __init__(
        self, logits: Tensor, labels: Tensor, scale: float, shift: Tensor | None, spared: Tensor | None
    ) -> None:
        self.logits = logits
        self.scale = scale
        self.shift = shift
        self.own = _Own(logits, labels)
        # Not -inf, whose product with 0 is no number.
        self.taken_out = None if spared is None else -1e30 * spared.to(logits)
        self.from_rows = None if spared is None else self.own.exists[:, 0].to(logits)

    def write_z(self, rows: slice, out: Tensor, unit: float = 1.0) -> Tensor:
        """unit * z of the negatives into `out` [n, K]; -1e30 and less where they are spared."""
        logits = self.logits[rows]
        if self.from_rows is not None and self.taken_out is not None:
            torch.addr(logits, self.from_rows[rows], self.taken_out, beta=self.scale * unit, out=out)
            return out if self.shift is None else out.add_(self.shift, alpha=unit)
        if self.shift is None:
            return torch.mul(logits, self.scale * unit, out=out)
        return torch.add(self.shift * unit, logits, alpha=self.scale * unit, out=out)

    def own_z(self) -> Tensor:
        """z of the positives: [N, 1]."""
        z = self.own.entry * -self.scale
        return z if self.shift is None else z.sub_(self.shift[self.own.column])


def _sums_of_softplus(entries: _Entries) -> Tensor:
    """Sums of log(1 + exp(z)) over the negatives of each channel: [K]."""
    # A GPU would wait for the answer whether the short sums overflowed, and is bound by memory anyway.
    if on_cpu(entries.logits):
        sums = torch.zeros_like(entries.logits[0])
        for rows in chunks(entries.logits):
            (z,) = scratch(entries.logits[rows])
            entries.write_z(rows, z, _LOG2_E)
            entries.own.put(z, rows, -math.inf)
            _add_short_sums(z, sums)
        if math.isfinite(sums.sum()):
            return sums
    sums = torch.zeros_like(entries.logits[0])
    for rows in chunks(entries.logits):
        (z,) = scratch(entries.logits[rows])
        entries.write_z(rows, z)
        entries.own.put(z, rows, -math.inf)
        sums += _softplus(z).sum(dim=0)
    return sums


def _add_short_sums(z: Tensor, sums: Tensor) -> None:
    """Adds the sums of log(1 + 2^z) over the rows of z [n, K] to `sums` [K]. Overwrites z.

    log(1 + a) + log(1 + b) = log(1 + (a + b + a b)), which keeps the digits of tiny powers: one logarithm serves four
    rows. Four large powers overflow to infinity.
    """
    odds = z.exp2_()
    quarter = len(odds) // 4
    for half in (2 * quarter, quarter):
        a, b = odds[:half], odds[half : 2 * half]
        a.add_(b.addcmul_(b, a))
    sums += odds[:quarter].log1p_().sum(dim=0)
    if 4 * quarter < len(odds):
        sums += odds[4 * quarter :].log1p_().sum(dim=0)


class _Focal(torch.autograd.Function):
    """The forward pass makes the gradient too: it needs the same logarithms, which cost more than to keep it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, alpha: float, gamma: float) -> Tensor:
        ctx.alpha, ctx.gamma, ctx.fused = alpha, gamma, compiled.usable(logits)
        if ctx.fused:
            ctx.save_for_backward(logits, labels)
            return compiled.focal(logits, labels, alpha, gamma)
        own = _Own(logits, labels)
        gradient = torch.empty_like(logits, memory_format=torch.contiguous_format) if ctx.needs_input_grad[0] else None
        total = _focal_of_negatives(logits, own, gamma, gradient)
        own_slope = torch.empty_like(own.entry)
        own_z = -own.entry
        own_loss = _focal(_softplus(own_z), own_z.sigmoid_(), torch.empty_like(own_z), gamma, own_slope)
        ctx.save_for_backward(gradient, labels, own_slope)
        return (1 - alpha) * total + alpha * torch.where(own.exists, own_loss, 0.0).sum()

    @staticmethod
    @first_order
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.fused:
            return compiled.focal_gradient(*ctx.saved_tensors, ctx.alpha, ctx.gamma, grad_output), None, None, None
        slope, labels, own_slope = ctx.saved_tensors
        gradient = slope * ((1 - ctx.alpha) * grad_output)
        _Own(gradient, labels).put(gradient, slice(None), -ctx.alpha * grad_output * own_slope)
        return gradient, None, None, None


def _focal_of_negatives(logits: Tensor, own: _Own, gamma: float, slope: Tensor | None) -> Tensor:
    """Sum of sigmoid(s)^gamma softplus(s) over the negatives; its derivatives go into `slope` [N, K]."""
    total = logits.new_zeros(())
    for rows in chunks(logits, temporaries=2):
        sigmoid, softplus, power = scratch(logits[rows], temporaries=3)
        for quick in (True, False) if on_cpu(logits) else (False,):
            _write_sigmoid_and_softplus(logits[rows], sigmoid, softplus, power, quick)
            own.put(sigmoid, rows, 0.0)
            own.put(softplus, rows, 0.0)
            part = _focal(softplus, sigmoid, power, gamma, None if slope is None else slope[rows]).sum()
            if quick and math.isfinite(part):
                break
        total += part
    return total


def _write_sigmoid_and_softplus(s: Tensor, sigmoid: Tensor, softplus: Tensor, other: Tensor, quick: bool) -> None:
    """Into these tensors; `other` gets anything. The quick way uses powers of 2; what overflows is not finite."""
    if quick:
        odds = torch.mul(s, _LOG2_E, out=sigmoid).exp2_()
        torch.log1p(odds, out=softplus)
        odds.mul_(torch.add(odds, 1, out=other).reciprocal_())
    else:
        _softplus(s, out=softplus)
        torch.sigmoid(s, out=sigmoid)


def _focal(softplus: Tensor, sigmoid: Tensor, power: Tensor, gamma: float, slope: Tensor | None) -> Tensor:
    """The loss L = sigmoid^gamma softplus, in `softplus`; its derivative goes into `slope`. Overwrites `power`.

    With m = sigmoid^gamma, the derivative is m (sigmoid + gamma (1 - sigmoid) softplus)
    = gamma L + sigmoid (m - gamma L).
    """
    torch.mul(sigmoid, sigmoid, out=power) if gamma == 2 else torch.pow(sigmoid, gamma, out=power)
    loss = softplus.mul_(power)
    if slope is not None:
        torch.mul(loss, gamma, out=slope)
        slope.addcmul_(sigmoid, power.sub_(slope))
    return loss


_LOG2_E = math.log2(math.e)
# Above it softplus(z) is z to the last bit, in float64 too.
_THRESHOLD = 40.0


def _softplus(z: Tensor, out: Tensor | None = None) -> Tensor:
    """log(1 + exp(z))."""
    if out is None:
        return F.softplus(z, threshold=_THRESHOLD)
    return cast(Tensor, torch.ops.aten.softplus.out(z, 1, _THRESHOLD, out=out))  # the public one takes no `out`


def _dense(shift: Tensor | None, spared: Tensor | None, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Both written out: a compiled function is compiled anew for a None in place of a tensor."""
    zeros = logits.new_zeros(logits.shape[1])
    return zeros if shift is None else shift, zeros.bool() if spared is None else spared
