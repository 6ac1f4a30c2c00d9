"""Gradients of a loss, by RoI and channel, through the public interface only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.api.made_context import made_context
from lt_bench.loss_analysis.batches import FOREGROUND, NUM_ROIS, draw_labels, label_shares, spread

# Calls over which a loss is averaged whose gradient is not decided by a RoI's own label, and the RoIs of each. They
# are few because only the classes of a batch matter to such a loss, and more calls say more about its draws.
CALLS = 8000
_FEW_ROIS = 64
# The same RoI's gradient in two batches, for losses that compute in float32 as well.
_SAME = 1e-5


@dataclass(frozen=True)
class ClassGradients:
    """Mean |dL/ds| times the number of RoIs, all logits zero, at each label's own channel: float64 [C + 1] each.

    positive: of a RoI with that label. negative: of the other RoIs of a training batch.
    channels: the channel of each label, int64 [C + 1]; that of background is -1 if no channel scores it.
    """

    positive: Tensor
    negative: Tensor
    channels: Tensor


def gradients(loss: LongTailLoss, logits: Tensor, labels: Tensor) -> Tensor:
    """dL/ds times the number N of RoIs: [N, K]. Raises ArithmeticError if one is not finite."""
    logits = logits.detach().requires_grad_()
    told = {"context": made_context(loss, labels)} if loss.needs else {}
    output = loss(logits, labels, **told)
    total = torch.stack(list(output.values())).sum() if isinstance(output, dict) else output
    (gradient,) = torch.autograd.grad(total, logits)
    if not bool(gradient.sum().isfinite()):
        raise ArithmeticError("its gradient is not finite")
    return gradient * len(labels)


def zero_logits(loss: LongTailLoss, num_rois: int = NUM_ROIS) -> Tensor:
    return torch.zeros(num_rois, loss.num_logits, dtype=torch.float64)


def train(loss: LongTailLoss, calls: int, generator: torch.Generator, report: Callable[[int, int], None]) -> None:
    """That many calls in training mode, on drawn labels and zero logits: only what the loss itself keeps can move."""
    loss.train()
    for call in range(calls):
        gradients(loss, zero_logits(loss), draw_labels(loss.stats, generator))
        report(call + 1, calls)


def is_separable(build: Callable[[int], LongTailLoss], generator: torch.Generator) -> bool:
    """Whether the label of a RoI alone decides its gradient at initialisation: not the rest of its batch, no draw.

    build: makes the loss anew under a seed. Every copy gets a batch of its own; the RoIs of one class and of
    background, which all batches hold, must have the same gradient in each.
    """
    rows = []
    for seed in range(4):
        loss = build(seed).eval()
        labels = draw_labels(loss.stats, generator, shown=0)
        rows.append(gradients(loss, zero_logits(loss), labels)[[0, -1]])
    return all(torch.allclose(row, rows[0], rtol=_SAME, atol=0) for row in rows[1:])


def exact_gradients(loss: LongTailLoss) -> ClassGradients:
    """For a separable loss: one RoI of each label tells everything. The loss's state is left alone."""
    loss.eval()
    by_label = torch.empty(loss.num_classes + 1, loss.num_logits, dtype=torch.float64)
    for shown in torch.split(torch.arange(loss.num_classes), round(FOREGROUND * NUM_ROIS)):
        gradient = gradients(loss, zero_logits(loss), spread(shown, loss.num_classes))
        by_label[shown] = gradient[: len(shown)]
        by_label[-1] = gradient[-1]
    channels = _channels(loss, by_label[-1])
    own = by_label[:, channels].abs()
    positive = own.diagonal().clone()
    shares = label_shares(loss.stats)
    return _class_gradients(positive, shares @ own.fill_diagonal_(0) / (1 - shares), channels)


def averaged_gradients(
    loss: LongTailLoss, generator: torch.Generator, report: Callable[[int, int], None]
) -> ClassGradients:
    """For any other loss: means over training calls with drawn labels, so its draws and its state move on.

    Positives come from calls of their own, one per class, in which that class is sure to be in the batch.
    """
    labels = draw_labels(loss.stats, generator)
    channels = _channels(loss, gradients(loss.eval(), zero_logits(loss), labels)[-1])
    loss.train()
    num_labels, calls = loss.num_classes + 1, CALLS + loss.num_classes
    logits, rois = zero_logits(loss, _FEW_ROIS), torch.arange(_FEW_ROIS)
    negative = torch.zeros(num_labels, dtype=torch.float64)
    counted = torch.zeros(num_labels, dtype=torch.float64)
    for call in range(CALLS):
        labels = draw_labels(loss.stats, generator, _FEW_ROIS)
        own = gradients(loss, logits, labels)[:, channels].abs()
        own[rois, labels] = 0
        negative += own.sum(dim=0)
        counted += _FEW_ROIS - torch.bincount(labels, minlength=num_labels)
        report(call + 1, calls)
    positive = torch.zeros(num_labels, dtype=torch.float64)
    for shown in range(loss.num_classes):
        labels = draw_labels(loss.stats, generator, _FEW_ROIS, shown)
        own = gradients(loss, logits, labels)[:, channels].abs()
        positive[shown] = own[labels == shown, shown].mean()
        positive[-1] += own[labels == num_labels - 1, -1].mean() / loss.num_classes
        report(CALLS + shown + 1, calls)
    return _class_gradients(positive, negative / counted, channels)


def _channels(loss: LongTailLoss, background: Tensor) -> Tensor:
    """The channel of each label, int64 [C + 1], from the gradient [K] of a background RoI.

    The interface fixes the channels of the classes only. Background's is the one beyond them that such a RoI raises.
    """
    beyond = background[loss.num_classes :]
    found = len(beyond) > 0 and float(beyond.min()) < 0
    last = loss.num_classes + int(beyond.argmin()) if found else -1
    return torch.cat([torch.arange(loss.num_classes), torch.tensor([last])])


def _class_gradients(positive: Tensor, negative: Tensor, channels: Tensor) -> ClassGradients:
    absent = channels < 0
    return ClassGradients(positive.masked_fill(absent, torch.nan), negative.masked_fill(absent, torch.nan), channels)
