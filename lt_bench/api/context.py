"""What a loss may be told beside logits and labels.

A loss names it in its attribute `needs`, and then gets a `LossContext` as the keyword `context`. Whoever calls the loss
provides it: the box head in training, the probe, `lt_bench check`, or a user by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Need = Literal["assignment", "classifier", "epoch"]
NEEDS: tuple[Need, ...] = ("assignment", "classifier", "epoch")


@dataclass(frozen=True)
class Assignment:
    """Which ground truth each RoI was assigned to.

    image_index: int64 [N], the image within the batch; -1 for a RoI that is of none (drawn from a memory of features).
    gt_index: int64 [N], the ground truth within that image; -1 for background.
    """

    image_index: Tensor
    gt_index: Tensor


@dataclass(frozen=True)
class Classifier:
    """weight_norms: float [K], the L2 norm of each row of the classifier's weight, without gradient."""

    weight_norms: Tensor


@dataclass(frozen=True)
class Epoch:
    """How far the training is. step: optimisation steps done before this call. steps: those of the whole training."""

    step: int
    steps: int

    @property
    def share(self) -> float:
        """Of the training that is done, 0 to 1."""
        return self.step / max(self.steps, 1)


@dataclass(frozen=True)
class LossContext:
    """What `needs` may name. None: not known to the caller."""

    assignment: Assignment | None = None
    classifier: Classifier | None = None
    epoch: Epoch | None = None

    def of_rows(self, rows: Tensor) -> LossContext:
        """The same for some of the RoIs. rows: what an [N] tensor can be indexed with."""
        if self.assignment is None:
            return self
        chosen = Assignment(self.assignment.image_index[rows], self.assignment.gt_index[rows])
        return LossContext(chosen, self.classifier, self.epoch)

    def to(self, device: torch.device) -> LossContext:
        assignment, classifier = self.assignment, self.classifier
        if assignment is not None:
            assignment = Assignment(assignment.image_index.to(device), assignment.gt_index.to(device))
        if classifier is not None:
            classifier = Classifier(classifier.weight_norms.to(device))
        return LossContext(assignment, classifier, self.epoch)

    def problem(self, needed: tuple[Need, ...], num_rois: int, num_logits: int) -> str | None:
        """What is missing or of a wrong shape, in words, or None."""
        for need in needed:
            if getattr(self, need) is None:
                return f"needs context.{need}, which it was not given"
        if "assignment" in needed and self.assignment is not None:
            for name in ("image_index", "gt_index"):
                shape = list(getattr(self.assignment, name).shape)
                if shape != [num_rois]:
                    return f"context.assignment.{name} has shape {shape}, expected [{num_rois}]"
        if "classifier" in needed and self.classifier is not None:
            shape = list(self.classifier.weight_norms.shape)
            if shape != [num_logits]:
                return f"context.classifier.weight_norms has shape {shape}, expected [{num_logits}]"
        return None

    def only(self, needs: tuple[Need, ...]) -> LossContext:
        """Without what `needs` does not name: a loss sees nothing that it has not asked for."""
        return LossContext(**{str(need): getattr(self, need) for need in needs})
