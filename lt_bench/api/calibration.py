"""The base class of every calibration: other scores of the same trained classifier, without training.

Nothing here knows about detectors. A plugin needs this module, the class statistics and torch, no more.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import Activation
from lt_bench.errors import UserError

Need = Literal["fractal_dimension"]

FORMS = {
    "softmax": "K = C + 1 logits whose softmax is the scores",
    "sigmoid": "K = C logits whose sigmoid is the scores",
}


class NotDefinedError(UserError):
    """A calibration is not defined for the loss that a classifier was trained with."""


@dataclass(frozen=True)
class Base:
    """What is calibrated: a classifier that was trained with a loss.

    Attributes:
        loss: The loss's name, for messages.
        activation: What the loss's scores are of its logits; None for anything but a plain softmax or sigmoid.
        stats: How often each class occurs in the training set.
        fractal_dimension: Of each class's box centres in the training set (see `lt_bench.data.fractal_dimension`),
            length C; None where nobody computed it.
    """

    loss: str
    activation: Activation | None
    stats: ClassStats
    fractal_dimension: Sequence[float] | None = None


class Calibration(nn.Module, ABC):
    """Base class of every calibration.

    A subclass takes `base` first and its hyper-parameters as keywords, calls `super().__init__(base)`, and defines
    `scores`. One that changes the classifier's weights defines `classifier` too and sets `changes_classifier`.

    `paper` is the reference. `bases` are the activations of losses that it is defined for. `needs` names what it
    reads of `base` beside the counts. `tuned` is the hyper-parameter that is chosen where the user asks for it, `grid`
    the values that it is chosen from.

    Raises:
        NotDefinedError: the base's logits are of another form.
        UserError: what it needs is not known.
    """

    paper: ClassVar[str] = ""
    bases: ClassVar[tuple[Activation, ...]] = ("softmax",)
    needs: ClassVar[tuple[Need, ...]] = ()
    changes_classifier: ClassVar[bool] = False
    tuned: ClassVar[str] = ""
    grid: ClassVar[tuple[float, ...]] = ()

    def __init__(self, base: Base) -> None:
        super().__init__()
        name = type(self).__name__
        if base.activation not in self.bases:
            expected = " or ".join(FORMS[one] for one in self.bases)
            found = "of another form" if base.activation is None else FORMS[base.activation]
            raise NotDefinedError(
                f"{name} is defined for {expected}; those of the loss {base.loss!r} are {found}",
                f"calibrate a classifier of a loss with {' or '.join(self.bases)} scores, such as "
                + " or ".join("ce" if one == "softmax" else "focal" for one in self.bases),
            )
        for need in self.needs:
            if getattr(base, need) is None:
                raise UserError(
                    f"{name} needs the {need.replace('_', ' ')} of each class, and it is not known",
                    "it is computed from the training annotations, which must be there",
                )
        self.base = base

    @property
    def num_classes(self) -> int:
        """C, the number of foreground classes."""
        return self.base.stats.num_classes

    @property
    def activation(self) -> Activation:
        """What the base's scores are of its logits."""
        assert self.base.activation is not None
        return self.base.activation

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """What detections are ranked by.

        Args:
            logits: float [N, K], of the classifier as it was trained, or, with `changes_classifier`, of what
                `classifier` returned.

        Returns:
            [N, C + 1] in [0, 1]; the last column is background, 0 where the base has no channel for it.
        """

    def classifier(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Weight [K, D] and bias [K] of the linear classifier that takes the trained one's place."""
        return weight, bias
