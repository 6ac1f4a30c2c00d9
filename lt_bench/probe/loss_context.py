"""What a loss can be told when it is trained on stored features, and what it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lt_bench.api.context import Epoch
from lt_bench.api.loss import LongTailLoss
from lt_bench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from lt_bench.detector.box_head import LongTailBBoxHead

UNKNOWN = "assignment"  # features hold the label of each RoI, not the ground truth that it comes from


def refuse_unknown(loss: LongTailLoss, name: str, classifier: Mapping[str, Any]) -> list[str]:
    """Notes on what the loss does without. classifier: the recipe's.

    Raises UserError for a loss that can't be trained on features, or not with this classifier.
    """
    if loss.cosine_logits and "temperature" not in classifier:
        raise UserError(
            f"the loss {name!r} takes the cosines of a normalised classifier, and this recipe's classifier is linear",
            "use --recipe common",
        )
    if UNKNOWN not in loss.needs:
        return []
    if UNKNOWN not in loss.can_do_without:
        raise UserError(
            f"the loss {name!r} needs the assignment of RoIs to ground truths, and stored features do not hold it",
            f"train it with a detector: run --loss {name}",
        )
    return [f"{name}: without the assignment of RoIs to ground truths, which stored features do not hold"]


def told(head: LongTailBBoxHead, steps: int) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """The head's loss of logits and labels, which is told how far the training is: call it once for each step."""
    if not head.loss_cls.loss.needs:
        loss: Callable[[Tensor, Tensor], dict[str, Tensor]] = head.loss_cls
        return loss
    step = 0

    def next_step(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        nonlocal step
        context = head.loss_cls.context(head.fc_cls, epoch=Epoch(step, steps))
        step += 1
        terms: dict[str, Tensor] = head.loss_cls(logits, labels, context=context)
        return terms

    return next_step
