"""Any registered loss as the classification loss of a mmdet box head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmdet.registry import MODELS
from mmengine.logging import MessageHub
from torch import Tensor, nn

from lt_bench.api.calibration import Calibration
from lt_bench.api.class_stats import ClassStats
from lt_bench.api.context import Assignment, Classifier, Epoch, LossContext
from lt_bench.api.registry import build_loss
from lt_bench.api.terms import terms_of
from lt_bench.errors import RunFailedError, UserError


@MODELS.register_module()
class LossAdapter(nn.Module):
    """Speaks mmdet's language for a LongTailLoss: number of channels, activation, accuracy, loss.

    loss: registered name. hyper_parameters: its keywords. image_count, instance_count, num_images: the training
    set's class statistics. loss_weight multiplies the loss.
    """

    custom_cls_channels = True
    custom_activation = True
    custom_accuracy = True

    def __init__(
        self,
        loss: str,
        image_count: Sequence[int],
        instance_count: Sequence[int],
        num_images: int,
        hyper_parameters: Mapping[str, Any] | None = None,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        stats = ClassStats(image_count=image_count, instance_count=instance_count, num_images=num_images)
        self.name = loss
        self.loss = build_loss(loss, stats, **dict(hyper_parameters or {}))
        self.loss_weight = loss_weight
        self._calibrations: list[Calibration] = []  # no submodules: no checkpoint has them
        self.temperature = 1.0  # what the logits are divided by for a loss of cosines

    def get_cls_channels(self, num_classes: int) -> int:
        """The number of classifier outputs. Raises ValueError when the counts are of another class list."""
        if num_classes != self.loss.num_classes:
            raise ValueError(f"box head has {num_classes} classes, the class counts have {self.loss.num_classes}")
        return self.loss.num_logits

    def attach(self, classifier: nn.Module) -> None:
        """Learn the temperature of the classifier, if the loss wants cosines.

        Raises UserError for a classifier whose logits are no multiples of cosines.
        """
        if self.loss.cosine_logits:
            self.temperature = temperature_of(self.name, getattr(classifier, "temperature", None))

    def context(
        self, classifier: nn.Module, assignment: Assignment | None = None, epoch: Epoch | None = None
    ) -> LossContext:
        """What the loss needs, as far as it is known. epoch: by default that of mmengine's runner, if one is training.

        classifier: the layer that makes the logits, with `weight` [K, D].
        """
        needs = self.loss.needs
        norms = Classifier(classifier.weight.detach().norm(dim=1)) if "classifier" in needs else None  # type: ignore[operator,union-attr]
        now = (epoch or _epoch_of_runner()) if "epoch" in needs else None
        return LossContext(assignment if "assignment" in needs else None, norms, now)

    def get_activation(self, cls_score: Tensor) -> Tensor:
        """Logits [N, K] to scores [N, C + 1], those of the loss or, within `calibrated`, of the calibration.

        Raises RunFailedError for NaN among those of a prediction: no threshold lets such a detection through, and
        what is missing would look like what the detector did not find.
        """
        calibration = self._calibrations[-1] if self._calibrations else None
        scores = (calibration or self.loss).scores(self._logits(cls_score))
        if not self.training and bool(torch.isnan(scores).any()):
            by = f", by {type(calibration).__name__}," if calibration is not None else ""
            raise RunFailedError(f"scores of the loss {self.name!r}{by} are NaN, of logits {_range(cls_score)}")
        return scores

    @contextmanager
    def calibrated(self, calibration: Calibration) -> Iterator[None]:
        """Within it, scores are those of the calibration."""
        self._calibrations.append(calibration)
        try:
            yield
        finally:
            self._calibrations.pop()

    def get_accuracy(self, cls_score: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Top-1 accuracy in percent over foreground RoIs, by score among the foreground classes."""
        # Without a boolean index, for which a GPU would wait; the bits are those of mmdet's `accuracy`.
        with torch.no_grad():
            foreground = labels < self.loss.num_classes
            predicted = self.loss.scores(self._logits(cls_score))[:, :-1].topk(1, dim=1).indices[:, 0]
            correct = (foreground & (predicted == labels)).sum().float()
            return {"acc": correct * (100.0 / foreground.sum().clamp(min=1).double()).float()}

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
        context: LossContext | None = None,
    ) -> dict[str, Tensor]:
        """cls_score [N, K], label [N]: a dict of scalars, each with "loss" in its name, as mmdet sums them up.

        RoIs of weight 0 are left out, for which a GPU waits; without weights it doesn't. avg_factor is ignored: how a
        loss averages is part of the loss. context: what a loss with `needs` is told (see `context`).
        Raises ValueError for a reduction other than the loss's own, UserError when the loss returns no scalars.
        """
        if reduction_override not in (None, "mean"):
            raise ValueError(f"a classification loss reduces itself; reduction_override={reduction_override!r}")
        if weight is not None and not bool(torch.all(weight > 0)):
            cls_score, label = cls_score[weight > 0], label[weight > 0]
            context = context and context.of_rows(weight > 0)
        told = {"context": context} if self.loss.needs else {}
        terms = terms_of(self.loss(self._logits(cls_score), label, **told), self.name)
        return {
            (name if "loss" in name else f"loss_cls_{name}"): self.loss_weight * term for name, term in terms.items()
        }

    def _logits(self, cls_score: Tensor) -> Tensor:
        return cls_score if self.temperature == 1.0 else cls_score / self.temperature


def temperature_of(loss: str, temperature: float | None) -> float:
    """That of the classifier of a loss of cosines. Raises UserError for None, a classifier without one."""
    if temperature is None:
        raise UserError(
            f"the loss {loss!r} takes the cosines of a normalised classifier, and this recipe's classifier is linear",
            "use recipe common, or --set recipe.classifier.type=NormedLinear",
        )
    return float(temperature)


def _epoch_of_runner() -> Epoch | None:
    hub = MessageHub.get_current_instance()
    step, steps = hub.get_info("iter"), hub.get_info("max_iters")
    return None if step is None or steps is None else Epoch(int(step), int(steps))


def _range(logits: Tensor) -> str:
    """From the lowest to the highest, or that they are NaN themselves."""
    if bool(torch.isnan(logits).any()):
        return "that are NaN too"
    return f"from {logits.min().item():.4g} to {logits.max().item():.4g}"
