"""The margin of a class: the logit at which a positive and a negative RoI have gradients of the same size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.loss_analysis.batches import NUM_ROIS, label_shares
from lt_bench.loss_analysis.gradients import ClassGradients, gradients, zero_logits

_STEPS = 60
_LONGEST_STEP = 4.0
_SOLVED = 1e-10  # of the logarithm of the ratio
_STILL = 1e-6  # step of s that changes nothing any more: a loss may compute in float32
_ACCEPTED = 1e-4
_ROWS = 3  # RoIs per class: one of it, one of background, one of another class


def margins_and_weights(loss: LongTailLoss, at_zero: ClassGradients) -> tuple[Tensor, Tensor]:
    """Margin and weight of each label, background last: float64 [C + 1] each, NaN where there is no margin.

    margin: the logit s at which a RoI of the class and the mean other RoI of a training batch have the same |dL/ds|,
    all other logits zero. weight: the sum of both there, times the number of RoIs.

    How the gradients change with s is measured on three RoIs: of the class, of background, and of the class of the
    median foreground RoI. Their ratio at s = 0 is that of `at_zero`. So it is exact where the gradients of negatives
    with different labels change alike, as they do in a function of each channel alone and in softmax.
    """
    loss.eval()
    solvable = (at_zero.channels >= 0) & (at_zero.positive > 0) & (at_zero.negative > 0)
    labels = solvable.nonzero().flatten()
    level = (at_zero.positive / at_zero.negative)[labels].log()
    start = _curves(loss, labels, at_zero.channels[labels], torch.zeros_like(level))

    def excess(s: Tensor) -> Tensor:
        now = _curves(loss, labels, at_zero.channels[labels], s)
        return level + (now[0] / start[0]).log() - (now[1] / start[1]).log()

    root = _solve(excess, torch.zeros_like(level))
    at_root = _curves(loss, labels, at_zero.channels[labels], root.nan_to_num())[0] / start[0]
    margin, weight = torch.full((2, loss.num_classes + 1), torch.nan, dtype=torch.float64)
    margin[labels] = root
    weight[labels] = torch.where(root.isnan(), torch.nan, 2 * at_zero.positive[labels] * at_root)
    return margin, weight


def _curves(loss: LongTailLoss, labels: Tensor, channels: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """|dL/ds| of a positive and of the mean negative of each label, up to one factor: float64 like s, [M] each.

    labels, channels, s: [M]. Each label's own channel has the logit s, in RoIs of its own.
    """
    background = loss.num_classes
    shares = label_shares(loss.stats)
    order = shares[:-1].argsort(descending=True, stable=True)
    median = int(torch.searchsorted(shares[order].cumsum(0), shares[:-1].sum() / 2))
    other = order[median].expand_as(labels)
    spare = order[median - 1 if median else 1] if len(order) > 1 else torch.tensor(background)
    other = torch.where(labels == other, spare, other)
    triples = torch.stack([labels, torch.where(labels == background, other, background), other], dim=1)
    parts = []
    for rows, channel, logit in zip(
        *(torch.split(tensor, NUM_ROIS // _ROWS) for tensor in (triples, channels, s)), strict=True
    ):
        logits = zero_logits(loss, rows.numel())
        repeated = channel.repeat_interleave(_ROWS)
        logits[torch.arange(rows.numel()), repeated] = logit.repeat_interleave(_ROWS)
        gradient = gradients(loss, logits, rows.flatten())
        parts.append(gradient[torch.arange(rows.numel()), repeated].abs().view(-1, _ROWS))
    positive, by_background, by_other = torch.cat(parts).unbind(dim=1)
    return positive, shares[-1] * by_background + (1 - shares[-1]) * by_other


def _solve(excess: Callable[[Tensor], Tensor], s: Tensor) -> Tensor:
    """The zeros of `excess`, which falls, started from s; NaN where none is found. [M] to [M].

    Secants, because most losses are linear here; bounded and bisected where a secant leads astray.
    """
    low, high = torch.full_like(s, -torch.inf), torch.full_like(s, torch.inf)
    slope = -torch.ones_like(s)
    previous_s, previous = s, torch.full_like(s, torch.nan)
    for _ in range(_STEPS):
        value = excess(s)
        solved = value.abs() < _SOLVED
        solved |= (s - previous_s).abs().masked_fill(previous.isnan(), 1) < _STILL
        if bool(solved.all()):
            break
        low, high = torch.where(value > 0, s, low), torch.where(value < 0, s, high)
        secant = (value - previous) / (s - previous_s)
        slope = torch.where(secant < 0, secant, slope)
        previous_s, previous = torch.where(solved, previous_s, s), torch.where(solved, previous, value)
        step = s + (-value / slope).clamp(-_LONGEST_STEP, _LONGEST_STEP)
        outside = ((step <= low) | (step >= high)) & (high - low).isfinite()
        step = torch.where(outside, (low + high) / 2, step)
        s = torch.where(solved, s, step)
    return torch.where(excess(s).abs() < _ACCEPTED, s, torch.nan)
