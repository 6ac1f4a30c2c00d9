"""Losses that shift, weigh or drop by class frequency, in the manner of their official code (see reference_losses)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_bench.api.class_stats import ClassStats


def _one_hot(labels: Tensor, like: Tensor, channels: int) -> Tensor:
    return F.one_hot(labels, channels).to(like)


class BinaryCrossEntropy(nn.Module):
    """torch's own on one-hot targets. logits [N, C]."""

    def __init__(self, stats: ClassStats) -> None:
        super().__init__()

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = _one_hot(labels, logits, logits.shape[1] + 1)[:, :-1]
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(labels)


class BalancedSoftmax(nn.Module):
    """After the authors' code for detectron2. logits [N, C]."""

    frequency: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__()
        self.register_buffer("frequency", (stats.images() / stats.num_images).float(), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        rois, classes = logits.shape
        target = _one_hot(labels, logits, classes + 1)[:, :-1]
        shift = (-((1 - self.frequency) / self.frequency).log()).to(logits).view(1, -1).expand(rois, classes)
        shifted = torch.where((labels != classes)[:, None], logits + shift, logits)
        return (F.binary_cross_entropy_with_logits(shifted, target, reduction="none")).sum() / rois


class LogitAdjustment(nn.Module):
    """After google-research's logit_adjustment, with this project's prior of background. logits [N, C + 1]."""

    prior: Tensor

    def __init__(self, stats: ClassStats, tau: float = 1.0, background_prior: float = 1.0) -> None:
        super().__init__()
        self.tau = tau
        prior = stats.instances() / stats.instances().mean()
        self.register_buffer("prior", F.pad(prior, (0, 1), value=background_prior), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits + (self.prior**self.tau + 1e-12).log().to(logits), labels)


class ClassBalanced(nn.Module):
    """After the authors' code for TensorFlow. logits [N, C + 1]."""

    weight: Tensor

    def __init__(
        self,
        stats: ClassStats,
        kind: str = "softmax",
        beta: float = 0.9999,
        gamma: float = 1.0,
        fg_bg_ratio: float = 6.3313,
    ) -> None:
        super().__init__()
        self.kind, self.gamma = kind, gamma
        counts = stats.instances()
        counts = torch.cat([counts, (fg_bg_ratio * counts.sum()).round()[None]])
        weight = (1 - beta) / (1 - beta**counts)
        self.register_buffer("weight", weight / weight.sum() * len(weight), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = _one_hot(labels, logits, logits.shape[1])
        weight = self.weight.to(logits)[labels]
        if self.kind == "softmax":
            return (weight * F.cross_entropy(logits, labels, reduction="none")).sum() / len(labels)
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        if self.kind == "focal":
            loss = loss * (-self.gamma * target * logits - self.gamma * (-logits).exp().log1p()).exp()
        return (weight[:, None].expand_as(loss) * loss).sum() / target.sum()


class IIF(nn.Module):
    """After the authors' code for mmdet, whose weights a file holds. logits [N, C + 1]. Without normit and gombit."""

    weight: Tensor

    def __init__(self, stats: ClassStats, variant: str = "raw") -> None:
        super().__init__()
        of_instances = variant.endswith("_obj")
        counts = stats.instances() if of_instances else stats.images()
        total = float(counts.sum()) if of_instances else float(stats.num_images)
        form = variant.removesuffix("_obj")
        weight = {
            "raw": -(counts / total).log(),
            "smooth": ((total + 1) / (counts + 1)).log() + 1,
            "prob": ((total - counts) / counts).log(),
            "base2": -(counts / total).log2(),
            "base10": -(counts / total).log10(),
        }[form]
        self.register_buffer("weight", F.pad(weight, (0, 1), value=1.0).float(), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.weight.to(logits)[None].expand_as(logits) * logits, labels)


class DropLoss(nn.Module):
    """After the authors' code for detectron2; draws from torch's global generator. logits [N, C]."""

    rare: Tensor

    def __init__(self, stats: ClassStats, lambda_: float = 0.0010062) -> None:
        super().__init__()
        self.register_buffer("rare", stats.images() / stats.num_images < lambda_, persistent=False)

    def draw_sample(self, labels: Tensor) -> Tensor:
        return torch.rand(len(labels), len(self.rare))

    def weights(self, labels: Tensor, target: Tensor) -> Tensor:
        rois, classes = target.shape
        foreground = (labels != classes).to(target)
        of_rare = self.rare[labels.clamp(max=classes - 1)] & (labels != classes)
        ratio = of_rare.sum() / foreground.sum()
        rare = self.rare.to(target).view(1, classes).expand(rois, classes)
        dropped = (self.draw_sample(labels).to(target) > ratio).to(target)
        objects = foreground.view(rois, 1).expand(rois, classes)
        return 1 - (objects * rare + (1 - objects) * rare * dropped) * (1 - target)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = _one_hot(labels, logits, logits.shape[1] + 1)[:, :-1]
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (loss * self.weights(labels, target)).sum() / len(labels)


def _gumbel_cross_entropy(logits: Tensor, target: Tensor, low: float, high: float, official: bool) -> Tensor:
    """Of each entry, through torch's binary_cross_entropy as in GOL's code, or by exponentials as in AGLU's."""
    if official:
        return F.binary_cross_entropy((-(-logits.clamp(low, high)).exp()).exp(), target, reduction="none")
    e = (-logits.clamp(low, high)).exp()
    return target * e - (1 - target) * (-torch.expm1(-e)).log()


class GOL(DropLoss):
    """After the authors' code for mmdet. logits [N, C]."""

    def __init__(
        self,
        stats: ClassStats,
        lambda_: float = 0.0011,
        clamp_low: float = -4.0,
        clamp_high: float = 10.0,
        official_gradient: bool = False,
    ) -> None:
        super().__init__(stats, lambda_)
        self.bounds, self.official = (clamp_low, clamp_high), official_gradient

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = _one_hot(labels, logits, logits.shape[1] + 1)[:, :-1]
        loss = _gumbel_cross_entropy(logits, target, *self.bounds, self.official)
        return (loss * self.weights(labels, target)).sum() / len(labels)


class GumbelCrossEntropy(nn.Module):
    """After the authors' code for mmdet. logits [N, C + 1]."""

    def __init__(
        self, stats: ClassStats, clamp_low: float = -4.0, clamp_high: float = 10.0, official_numerics: bool = False
    ) -> None:
        super().__init__()
        self.bounds, self.official = (clamp_low, clamp_high), official_numerics

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = _one_hot(labels, logits, logits.shape[1])
        loss = _gumbel_cross_entropy(logits, target, *self.bounds, self.official).sum() / len(labels)
        return loss.clamp(0, 20) if self.official else loss.clamp(0, math.inf)


REFERENCE_OF_FREQUENCY: dict[str, type[nn.Module]] = {
    "bce": BinaryCrossEntropy,
    "balanced_softmax": BalancedSoftmax,
    "logit_adjustment": LogitAdjustment,
    "class_balanced": ClassBalanced,
    "iif": IIF,
    "droploss": DropLoss,
    "gol": GOL,
    "gumbel_ce": GumbelCrossEntropy,
}
