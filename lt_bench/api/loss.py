"""The base class of every classification loss.

Nothing here knows about detectors. A plugin needs this module, the class statistics and torch, no more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from lt_bench.api.auto import Rules
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import LossContext, Need

Activation = Literal["softmax", "sigmoid"]


class LongTailLoss(nn.Module, ABC):
    """Base class of every classification loss.

    A subclass takes `stats` first and its hyper-parameters as keywords, calls `super().__init__(stats)`, and
    defines `num_logits`, `forward` and `scores`. It is called as `loss(logits, labels)`; `forward` then gets
    checked arguments, with float16 and bfloat16 logits already widened to float32. A label out of range is a ValueError
    on the CPU; a GPU stops at its next synchronisation with an assertion, so that no call has to wait for it.

    `paper` is the reference shown by `lt_bench losses`. `differentiable_with` are hyper-parameters under which
    `forward` holds nothing constant that depends on the logits, so that its gradient is its derivative: the gradient
    is checked against finite differences with these (`lt_bench check`). Empty means that any do. `auto` are
    hyper-parameters tied to the data, each with the rule that gives its value from the class statistics (see
    `lt_bench.api.auto`); the class's own defaults are those for LVIS v1. `official` are hyper-parameters that reproduce
    what is numerically broken in the official code, where the defaults do without it.

    `activation` says what the scores are of the logits, for calibrations, which are defined for some alone: "softmax"
    (over K = C + 1 logits, background last), "sigmoid" (of K = C logits, background 0), None for anything else.
    A loss whose hyper-parameters decide it sets it in its constructor.

    `needs` names what the loss must be told beside logits and labels ("assignment", "classifier", "epoch"; see
    `lt_bench.api.context`). Its `forward` then takes the keyword `context`, a LossContext that holds these and nothing
    else, and a call without one of them is a ValueError, unless `can_do_without` names it too: then it may be None.
    An instance may need less than its class, by its hyper-parameters.

    `cosine_logits` says that the logits are cosines in -1..1: the temperature of the recipe's normalised classifier is
    divided out before the loss sees them, and a linear classifier is refused.
    """

    paper: ClassVar[str] = ""
    differentiable_with: ClassVar[Mapping[str, Any]] = {}
    auto: ClassVar[Rules] = {}
    official: ClassVar[Mapping[str, Any]] = {}
    activation: Activation | None = None
    needs: tuple[Need, ...] = ()
    can_do_without: tuple[Need, ...] = ()
    cosine_logits: bool = False

    def __init__(self, stats: ClassStats) -> None:
        super().__init__()
        self.stats = stats

    @property
    def num_classes(self) -> int:
        """C, the number of foreground classes. Background has the label C."""
        return self.stats.num_classes

    @property
    @abstractmethod
    def num_logits(self) -> int:
        """K, the number of channels that the classifier must produce."""

    def class_channels(self) -> Tensor:
        """The channel of each class, int64 [C]: that whose logit the score of the class rises with."""
        return torch.arange(self.num_classes)

    @abstractmethod
    def forward(self, logits: Tensor, labels: Tensor) -> Tensor | dict[str, Tensor]:
        """The loss of a batch of RoIs.

        Args:
            logits: float32 or float64 [N, K].
            labels: int64 [N] in 0..C, background is C.

        Returns:
            A scalar, or a dict of scalars that sum to the loss.
        """

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """What detections are ranked by.

        Args:
            logits: float [N, K].

        Returns:
            [N, C + 1] in [0, 1]; the last column is background.
        """

    def __call__(
        self, logits: Tensor, labels: Tensor, *, context: LossContext | None = None
    ) -> Tensor | dict[str, Tensor]:
        self._check(logits, labels)
        told = {"context": self._checked_context(context, len(labels))} if self.needs else {}
        return cast("Tensor | dict[str, Tensor]", super().__call__(widen(logits), labels, **told))

    def _checked_context(self, context: LossContext | None, num_rois: int) -> LossContext:
        context = (context or LossContext()).only(self.needs)
        indispensable = tuple(need for need in self.needs if need not in self.can_do_without)
        given = tuple(need for need in self.can_do_without if getattr(context, need) is not None)
        if problem := context.problem(indispensable + given, num_rois, self.num_logits):
            raise ValueError(f"{type(self).__name__}: {problem}")
        return context

    def _check(self, logits: Tensor, labels: Tensor) -> None:
        name = type(self).__name__
        if logits.ndim != 2 or logits.shape[1] != self.num_logits:
            raise ValueError(f"{name}: logits have shape {list(logits.shape)}, expected [N, {self.num_logits}]")
        if not logits.is_floating_point():
            raise ValueError(f"{name}: logits are {logits.dtype}, expected a floating-point type")
        if labels.dtype != torch.int64:
            raise ValueError(f"{name}: labels are {labels.dtype}, expected torch.int64")
        if labels.shape != logits.shape[:1]:
            raise ValueError(f"{name}: labels have shape {list(labels.shape)}, expected [{logits.shape[0]}]")
        expected = f"expected 0..{self.num_classes} ({self.num_classes} is background)"
        if labels.device.type in ("cuda", "meta"):  # reading the bounds would wait for it, so it checks them itself
            in_range = ((labels >= 0) & (labels <= self.num_classes)).all()
            torch._assert_async(in_range, f"{name}: a label is out of range, {expected}")
        elif labels.numel():
            low, high = (int(bound) for bound in torch.aminmax(labels))
            if low < 0 or high > self.num_classes:
                raise ValueError(f"{name}: labels lie in {low}..{high}, {expected}")

    def add_state(self, name: str, default: Tensor) -> None:
        """Declare state that training changes: a persistent buffer, so it is in every checkpoint.

        Add to it only what `sum_over_ranks` returned, so that all ranks hold the same state.

        Args:
            name: the attribute that it becomes.
            default: its value before training.
        """
        self.register_buffer(name, default, persistent=True)

    @staticmethod
    def sum_over_ranks(value: Tensor) -> Tensor:
        """Add up over all ranks.

        Every rank must call it equally often, also a rank whose batch is empty.

        Args:
            value: this rank's share.

        Returns:
            The sum over all ranks, detached; `value` itself without a process group.
        """
        value = value.detach()
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value


def plain_scores(logits: Tensor, activation: Activation) -> Tensor:
    """What `activation` stands for: logits [N, K] to scores [N, C + 1], background last."""
    logits = widen(logits)
    return logits.softmax(dim=-1) if activation == "softmax" else F.pad(logits.sigmoid(), (0, 1))


def widen(logits: Tensor) -> Tensor:
    """float16 and bfloat16 to float32; wider types unchanged. Exponentials of logits overflow in half precision."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
