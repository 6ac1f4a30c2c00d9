"""Each built-in loss in the manner of its official code: the measure of what fusing is worth.

The operations and the tensors between them are those of the official implementations, in their order: one-hot
targets, weights for each element, and an intermediate of N x C at almost every step. The text is not theirs. A loss
is built from ClassStats and called with logits [N, K] and labels int64 [N] (background = C), as the built-in one is,
and returns the same numbers within float32. All of them keep to training: state changes in every call.

Left out, because it costs nothing beside the rest or is no part of the loss: the RoI weights that detectors pass
(all 1), loss weights, and the collectives between ranks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.losses.reference_frequency import REFERENCE_OF_FREQUENCY
from benchmarks.losses.reference_groups import REFERENCE_OF_GROUPS
from lt_bench.api.class_stats import ClassStats


def one_hot(labels: Tensor, like: Tensor, channels: int) -> Tensor:
    """Targets of the type of `like`: [N, channels]."""
    target = like.new_zeros(len(labels), channels)
    target[torch.arange(len(labels), device=labels.device), labels] = 1
    return target


class CrossEntropy(nn.Module):
    """torch's own, averaged over the RoIs. logits [N, C + 1]."""

    def __init__(self, stats: ClassStats) -> None:
        super().__init__()

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels)


class Focal(nn.Module):
    """After mmdet's loss in plain PyTorch, which its detectors run on CPU. logits [N, C].

    On CUDA mmdet calls a kernel of mmcv instead, which writes the N x C losses and their gradient in one pass each:
    there the official code is faster than this. detectron2's (fvcore) is like this one, and compiled by TorchScript.
    """

    def __init__(self, stats: ClassStats, alpha: float = 0.25, gamma: float = 2.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        num_classes = logits.shape[1]
        target = F.one_hot(labels, num_classes + 1)[:, :num_classes].type_as(logits)
        score = logits.sigmoid()
        wrong = (1 - score) * target + score * (1 - target)
        weight = (self.alpha * target + (1 - self.alpha) * (1 - target)) * wrong.pow(self.gamma)
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
        return loss.sum() / (labels < num_classes).sum().clamp(min=1)


class EQL(nn.Module):
    """After the authors' code for detectron2. logits [N, C]."""

    frequency: Tensor

    def __init__(self, stats: ClassStats, lambda_: float = 0.0011) -> None:
        super().__init__()
        self.lambda_ = lambda_
        self.register_buffer("frequency", stats.images() / stats.num_images)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        rois, num_classes = logits.shape
        target = one_hot(labels, logits, num_classes + 1)[:, :num_classes]
        foreground = (labels != num_classes).to(logits.dtype).view(rois, 1).expand(rois, num_classes)
        rare = logits.new_zeros(num_classes)
        rare[self.frequency < self.lambda_] = 1
        weight = 1 - foreground * rare.view(1, num_classes).expand(rois, num_classes) * (1 - target)
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (loss * weight).sum() / rois


class EQLv2(nn.Module):
    """After the authors' code for mmdet. logits [N, C + 1]. State, in float32 as there: pos_grad, neg_grad [C]."""

    pos_grad: Tensor
    neg_grad: Tensor

    def __init__(self, stats: ClassStats, gamma: float = 12.0, mu: float = 0.8, alpha: float = 4.0) -> None:
        super().__init__()
        self.gamma = gamma
        self.mu = mu
        self.alpha = alpha
        self.collected = False
        self.register_buffer("pos_grad", torch.zeros(stats.num_classes))
        self.register_buffer("neg_grad", torch.zeros(stats.num_classes))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = one_hot(labels, logits, logits.shape[1])
        positive, negative = self._weights(logits)
        weight = positive * target + negative * (1 - target)
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        total = (loss * weight).sum() / len(labels)
        self._collect(logits.detach(), target, weight)
        return total

    def _weights(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        if not self.collected:  # the first call
            return torch.ones_like(logits), torch.ones_like(logits)
        ratio = self.pos_grad / (self.neg_grad + 1e-10)
        mapped = 1 / (1 + (-self.gamma * (ratio - self.mu)).exp())
        negative = torch.cat([mapped, mapped.new_ones(1)])
        positive = 1 + self.alpha * (1 - negative)
        return positive.view(1, -1).expand_as(logits), negative.view(1, -1).expand_as(logits)

    def _collect(self, logits: Tensor, target: Tensor, weight: Tensor) -> None:
        score = logits.sigmoid()
        gradient = (target * (score - 1) + (1 - target) * score).abs()
        self.pos_grad += (gradient * target * weight).sum(dim=0)[:-1]
        self.neg_grad += (gradient * (1 - target) * weight).sum(dim=0)[:-1]
        self.collected = True


class Seesaw(nn.Module):
    """After mmdet. logits [N, C + 2]: classes, object, background. State: cum_samples [C + 1].

    The ratio of counts is formed for all pairs of classes, C x C whatever the batch, and its rows are picked
    afterwards: for 10,000 classes that is 400 MB per temporary, and by far the largest part of the time.
    """

    cum_samples: Tensor

    def __init__(self, stats: ClassStats, p: float = 0.8, q: float = 2.0, eps: float = 1e-2) -> None:
        super().__init__()
        self.p = p
        self.q = q
        self.eps = eps
        self.register_buffer("cum_samples", torch.zeros(stats.num_classes + 1))

    def forward(self, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        num_classes = logits.shape[1] - 2
        foreground = labels < num_classes
        for label in torch.unique(labels):  # on CUDA every label waits for the device, as in the official code
            self.cum_samples[label] += (labels == label.item()).sum()
        classes, objectness = logits[:, :-2], logits[:, -2:]
        by_class = self._class_losses(classes[foreground], labels[foreground])
        by_object = F.cross_entropy(objectness, (labels == num_classes).long(), reduction="none")
        return {"classes": by_class.sum() / len(labels), "objectness": by_object.sum() / len(labels)}

    def _class_losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits [M, C] and labels [M] of the foreground RoIs: [M]."""
        target = F.one_hot(labels, logits.shape[1])
        factor = logits.new_ones(target.shape)
        if self.p > 0:
            counts = self.cum_samples[:-1].clamp(min=1)
            ratio = counts[None, :] / counts[:, None]
            below = (ratio < 1).to(ratio.dtype)
            factor = factor * (ratio.pow(self.p) * below + (1 - below))[labels, :]
        if self.q > 0:
            score = logits.detach().softmax(dim=1)
            own = score[torch.arange(len(labels), device=labels.device), labels]
            ratio = score / own[:, None].clamp(min=self.eps)
            above = (ratio > 1).to(ratio.dtype)
            factor = factor * (ratio.pow(self.q) * above + (1 - above))
        return F.cross_entropy(logits + factor.log() * (1 - target), labels, reduction="none")


class Federated(nn.Module):
    """After CenterNet2. logits [N, C + 1], the last channel unused. Draws from torch's global generator."""

    draw_weight: Tensor

    def __init__(self, stats: ClassStats, num_sample_cats: int = 50, freq_power: float = 0.5) -> None:
        super().__init__()
        self.num_sample_cats = num_sample_cats
        self.register_buffer("draw_weight", stats.images().float() ** freq_power)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        rois, num_classes = len(labels), logits.shape[1] - 1
        target = one_hot(labels, logits, num_classes + 1)[:, :num_classes]
        chosen = labels.new_zeros(num_classes + 1)
        chosen[self._subset(labels, num_classes)] = 1
        weight = chosen[:num_classes].view(1, num_classes).expand(rois, num_classes).to(logits.dtype)
        loss = F.binary_cross_entropy_with_logits(logits[:, :-1], target, reduction="none")
        return (loss * weight).sum() / rois

    def _subset(self, labels: Tensor, num_classes: int) -> Tensor:
        present: Tensor = torch.unique(labels)
        weight = F.pad(self.draw_weight, (0, 1))
        weight[present] = 0
        # The official code asks for more classes than are left where there are not enough, which torch refuses.
        missing = min(self.num_sample_cats - len(present), int(weight.count_nonzero()))
        return torch.cat([present, torch.multinomial(weight, missing)]) if missing > 0 else present


class ECM(nn.Module):
    """After the authors' code for mmdet. logits [N, C + 1].

    With float32_weights the class weights are rounded as there, otherwise they are exact; both cost the same.
    """

    positives: Tensor
    class_weight: Tensor

    def __init__(self, stats: ClassStats, fg_bg_ratio: float = 6.3313, float32_weights: bool = False) -> None:
        super().__init__()
        dtype = torch.float32 if float32_weights else torch.float64
        counts = stats.instances().to(dtype)
        counts = torch.cat([counts, counts.sum()[None] * fg_bg_ratio])
        a = (counts.sum() - counts) / counts
        weight = a * ((1 + a) / a).log() if float32_weights else a * torch.log1p(1 / a)
        self.register_buffer("positives", counts.float())
        self.register_buffer("class_weight", weight.float()[None])

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = one_hot(labels, logits, logits.shape[1])
        positive, negative = (margin * torch.ones_like(target) for margin in self._margins())
        exp_positive = (logits + positive).exp()
        exp_negative = (-logits + negative).exp()
        right = exp_positive / (exp_positive + exp_negative)
        wrong = exp_negative / (exp_positive + exp_negative)
        loss = -(right.log() * target + wrong.log() * (1 - target))
        return (loss * self.class_weight).sum() / len(labels)

    def _margins(self) -> tuple[Tensor, Tensor]:
        n = self.positives.pow(1 / 4)
        m = (self.positives.sum() - self.positives).pow(1 / 4)
        return ((n + m) / m).log()[None], ((n + m) / n).log()[None]


REFERENCE_LOSSES: dict[str, type[nn.Module]] = {
    "ce": CrossEntropy,
    "focal": Focal,
    "eql": EQL,
    "eqlv2": EQLv2,
    "seesaw": Seesaw,
    "federated": Federated,
    "ecm": ECM,
    **REFERENCE_OF_FREQUENCY,
    **REFERENCE_OF_GROUPS,
}
