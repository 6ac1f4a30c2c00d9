"""Losses with one realistic bug each. Every one is named after the check that must catch it, and nothing else may.

Module-level classes: the check of ranks imports them in its processes.
"""

from __future__ import annotations

import math
import pickle
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import LossContext, Need
from lt_bench.api.loss import LongTailLoss, widen


class Softmax(LongTailLoss):
    """Correct: softmax cross-entropy, summed over the RoIs and divided by their number."""

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, reduction="sum") / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return widen(logits).softmax(dim=1)


class Sigmoid(LongTailLoss):
    """Correct: binary cross-entropy over C classes, background without a channel."""

    @property
    def num_logits(self) -> int:
        return self.num_classes

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = (labels[:, None] == torch.arange(self.num_classes, device=labels.device)).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / max(len(labels), 1)

    def scores(self, logits: Tensor) -> Tensor:
        return F.pad(widen(logits).sigmoid(), (0, 1))


class Counting(Softmax):
    """Correct: softmax whose margin follows the labels seen so far, of all ranks."""

    seen: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        self.add_state("seen", torch.zeros(self.num_classes + 1, dtype=torch.int64))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        margin = (self.seen + 1).double().log().to(logits.dtype)
        if self.training:
            self.collect(torch.bincount(labels, minlength=self.num_classes + 1))
        return super().forward(logits + 0.1 * margin, labels)

    def collect(self, counts: Tensor) -> None:
        self.seen += self.sum_over_ranks(counts)


class Weighted(Softmax):
    """Correct: softmax with a weight for each RoI."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        losses = F.cross_entropy(logits, labels, reduction="none")
        return (self.weigh(labels).to(logits.dtype) * losses).sum() / max(len(labels), 1)

    def weigh(self, labels: Tensor) -> Tensor:
        return torch.ones_like(labels)


class _ScaledLastColumn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        return logits.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        gradient[:, -1] *= 0.9
        return gradient


class BrokenIsolation(Softmax):
    """Takes its counts from a pickle in the current folder if there is one."""

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        try:
            with open("class_counts.pkl", "rb") as file:
                self.counts = pickle.load(file)
        except OSError:
            self.counts = stats.instance_count


class BrokenGradient(Softmax):
    """A backward by hand that is off by a factor in the background column."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(_ScaledLastColumn.apply(logits), labels)


class BrokenFloat32(Weighted):
    """a log((1 + a) / a) as written, in the type of the logits: for a large a, 1 + a keeps few digits of the 1."""

    a: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        ratio = stats.num_images / stats.images()
        self.register_buffer("a", torch.cat([ratio, ratio.new_ones(1)]), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        a = self.a.to(logits.dtype)[labels]
        losses = F.cross_entropy(logits, labels, reduction="none")
        return (a * ((1 + a) / a).log() * losses).sum() / max(len(labels), 1)


class BrokenFloat16(Weighted):
    """Looks the inverse frequency up with a matrix product, which autocast runs in float16: it ends at 65,504."""

    inverse: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        inverse = stats.num_images / stats.images()
        self.register_buffer("inverse", torch.cat([inverse, inverse.new_ones(1)]).float(), persistent=False)

    def weigh(self, labels: Tensor) -> Tensor:
        return 1 + (F.one_hot(labels, self.num_classes + 1).float() @ self.inverse[:, None]).flatten().log()


class BrokenBfloat16(Weighted):
    """Recovers labels with a matrix product, which autocast runs in bfloat16: 1,201 is not a number there."""

    def weigh(self, labels: Tensor) -> Tensor:
        one_hot = F.one_hot(labels, self.num_classes + 1).float()
        index = torch.arange(self.num_classes + 1, device=labels.device, dtype=torch.float32)
        return 1 + (one_hot @ index[:, None]).flatten().long() % 2


class BrokenExtremeLogits(Softmax):
    """Softmax without its shift: exp overflows."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        own = logits.gather(1, labels[:, None]).flatten()
        return (logits.exp().sum(dim=1).log() - own).sum() / max(len(labels), 1)


class BrokenNoRois(Softmax):
    """The mean over RoIs, which is 0 / 0 without one."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels)


class BrokenNoRoisWithoutGradient(Softmax):
    """A constant for an empty batch: this rank's backward fails, the others wait for it."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(logits, labels) if len(labels) else torch.zeros((), device=logits.device)


class BrokenOneRoi(Weighted):
    """Corrects the weight of foreground for the size of the sample, N / (N - 1)."""

    def weigh(self, labels: Tensor) -> Tensor:
        size = torch.tensor(float(len(labels)), device=labels.device)
        return torch.where(labels < self.num_classes, size / (size - 1), 1.0)


class BrokenAllBackground(Weighted):
    """Foreground's share as a mean over foreground, guarded for empty batches only."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        if not len(labels):
            return logits.sum() * 0
        foreground = labels < self.num_classes
        return super().forward(logits, labels) + F.cross_entropy(logits[foreground], labels[foreground])


class BrokenOneForeground(Weighted):
    """Tempers background by the logarithm of the number of foreground RoIs, which is 0 for one."""

    def weigh(self, labels: Tensor) -> Tensor:
        foreground = labels < self.num_classes
        return torch.where(foreground, 1.0, 1 / foreground.sum().double().log())


class BrokenOneInstance(Weighted):
    """Weighs by 1 / log(count), which is infinite for one instance."""

    weight: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        counts = torch.tensor(stats.instance_count, dtype=torch.float64)
        self.register_buffer("weight", F.pad(1 / counts.log(), (0, 1), value=1.0), persistent=False)

    def weigh(self, labels: Tensor) -> Tensor:
        return self.weight[labels]


class BrokenNoInstance(Softmax):
    """Takes the raw counts: log(0) for a class without instances."""

    shift: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        counts = torch.tensor([*stats.instance_count, 1], dtype=torch.float64)
        self.register_buffer("shift", (counts / counts.sum()).log(), persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(logits + self.shift.to(logits.dtype), labels)


class BrokenOrder(Weighted):
    """Weighs RoIs by their place in the batch, as if proposals were sorted by score."""

    def weigh(self, labels: Tensor) -> Tensor:
        return torch.linspace(1.0, 0.5, len(labels), device=labels.device, dtype=torch.float64)


class BrokenRepeatable(Softmax):
    """Shifts the logits for stability, in place and behind autograd's back."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        if len(labels):
            shifted = logits.detach()
            shifted -= shifted.amax(dim=1, keepdim=True)
        return super().forward(logits, labels)


class BrokenRandomDraws(Sigmoid):
    """Drops classes at random, with draws from the global generator."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        target = labels[:, None] == torch.arange(self.num_classes, device=labels.device)
        keep = torch.rand(self.num_classes, device=labels.device) < 0.9
        keep[labels[labels < self.num_classes]] = True
        losses = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")
        return (losses * keep).sum() / max(len(labels), 1)


class BrokenScores(Softmax):
    """Divides the prior out of the probabilities and leaves them above 1."""

    prior: Tensor

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        prior = stats.instances() / stats.instances().sum()
        self.register_buffer("prior", F.pad(prior, (0, 1), value=1.0), persistent=False)

    def scores(self, logits: Tensor) -> Tensor:
        return super().scores(logits) / self.prior.clamp(min=0.5).to(widen(logits).dtype)


class BrokenScoresOfAnotherActivation(Softmax):
    """Says that its scores are the logits' softmax, and sharpens them."""

    activation = "softmax"

    def scores(self, logits: Tensor) -> Tensor:
        return (2 * widen(logits)).softmax(dim=1)


class BrokenMonotone(Sigmoid):
    """Leaves the modulation of training in the scores: they fall where the class is sure."""

    def scores(self, logits: Tensor) -> Tensor:
        logits = widen(logits)
        return F.pad(logits.sigmoid() * (-logits).sigmoid() ** 0.25, (0, 1))


class BrokenBackground(Softmax):
    """Trains with background as the first channel, and scores with it as the last."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(logits, (labels + 1) % (self.num_classes + 1))


class BrokenCheckpoint(Counting):
    """Its counts are a buffer that no checkpoint holds."""

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        del self.seen
        self.register_buffer("seen", torch.zeros(self.num_classes + 1, dtype=torch.int64), persistent=False)


class BrokenCheckpointInEvaluation(Counting):
    """Goes on counting in evaluation mode."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        if not self.training:
            self.collect(torch.bincount(labels, minlength=self.num_classes + 1))
        return super().forward(logits, labels)


class BrokenRanks(Counting):
    """Counts each rank alone."""

    def collect(self, counts: Tensor) -> None:
        self.seen += counts


class BrokenRanksDeadlock(Counting):
    """Sums over the ranks only if this one has a RoI."""

    def collect(self, counts: Tensor) -> None:
        if counts.any():
            super().collect(counts)


class BrokenDevices(Weighted):
    """Keeps its weights in a plain attribute, which no .to() moves."""

    def __init__(self, stats: ClassStats) -> None:
        super().__init__(stats)
        self.weight = F.pad(1 / (1 + stats.instances().log()), (0, 1), value=1.0)

    def weigh(self, labels: Tensor) -> Tensor:
        return self.weight.gather(0, labels)


class BrokenDevicesArange(Softmax):
    """Makes a tensor without saying where."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        own = labels[:, None] == torch.arange(self.num_logits)
        losses = logits.logsumexp(dim=1) - (logits * own).sum(dim=1)
        return losses.sum() / max(len(labels), 1)


class BrokenArguments(Softmax):
    """Takes any batch."""

    def _check(self, logits: Tensor, labels: Tensor) -> None:
        pass


class BrokenHyperParameters(Softmax):
    """Takes any tau, NaN too, which trains until the loss is looked at."""

    def __init__(self, stats: ClassStats, tau: float = 1.0) -> None:
        super().__init__(stats)
        self.tau = tau

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(logits * math.exp(-abs(self.tau)) + logits, labels)


class BrokenCost(Softmax):
    """A tensor over RoIs, classes and 20 bins of frequency, where a vector over classes would do."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        bins = torch.linspace(0, 1, 20, device=logits.device, dtype=logits.dtype)
        return super().forward((logits[:, :, None] * (bins / bins.sum())).sum(dim=2), labels)


class BrokenBackgroundAbove255(Softmax):
    """Labels through a byte, which ends at 255: right for COCO, wrong for LVIS."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().forward(logits, labels.to(torch.uint8).long().clamp(max=self.num_classes))


class BrokenCostOfMany(Softmax):
    """Not finite in the batches of training, which are larger than those that one tries by hand (above 1,000 RoIs)."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        room = torch.tensor(1000.0 - len(labels), device=logits.device)
        return super().forward(logits, labels) * (1 + 0 * room.log())


class BrokenContext(Softmax):
    """Says that it can do without the assignment, and was never tried without."""

    needs: tuple[Need, ...] = ("assignment",)
    can_do_without = ("assignment",)

    def forward(self, logits: Tensor, labels: Tensor, context: LossContext | None = None) -> Tensor:
        assert context is not None
        if context.assignment is None:
            raise ValueError("no assignment")
        return super().forward(logits, labels)


# Each check, and the losses that it, and no other check, must catch.
BROKEN: dict[str, list[type[LongTailLoss]]] = {
    "isolation": [BrokenIsolation],
    "gradient": [BrokenGradient],
    "float32": [BrokenFloat32],
    "float16": [BrokenFloat16],
    "bfloat16": [BrokenBfloat16],
    "extreme-logits": [BrokenExtremeLogits],
    "no-rois": [BrokenNoRois, BrokenNoRoisWithoutGradient],
    "one-roi": [BrokenOneRoi],
    "all-background": [BrokenAllBackground],
    "one-foreground": [BrokenOneForeground],
    "one-instance": [BrokenOneInstance],
    "no-instance": [BrokenNoInstance],
    "order": [BrokenOrder],
    "repeatable": [BrokenRepeatable],
    "random-draws": [BrokenRandomDraws],
    "scores": [BrokenScores, BrokenScoresOfAnotherActivation],
    "monotone": [BrokenMonotone],
    "background": [BrokenBackground, BrokenBackgroundAbove255],
    "checkpoint": [BrokenCheckpoint, BrokenCheckpointInEvaluation],
    "ranks": [BrokenRanks, BrokenRanksDeadlock],
    "devices": [BrokenDevices, BrokenDevicesArange],
    "arguments": [BrokenArguments],
    "context": [BrokenContext],
    "hyper-parameters": [BrokenHyperParameters],
    "cost": [BrokenCost, BrokenCostOfMany],
}
