"""A batch that breaks the contract is refused with a ValueError."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lt_bench.testing.cases import Case, small_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, seeded
from lt_bench.testing.result import Wrong, reason


def arguments(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        loss = under_test.build(case.stats)
        logits, labels = case.batch(loss.num_logits)
        for what, bad_logits, bad_labels in _bad_batches(logits, labels, loss.num_classes):
            try:
                with seeded(under_test.seed):
                    loss(bad_logits, bad_labels)
            except ValueError:
                continue
            except Exception as error:
                raise Wrong(f"{what}: expected a ValueError, got {reason(error)}") from error
            raise Wrong(f"{what}: expected a ValueError, but the loss took it")

    examine(small_cases(under_test.seed), test)
    return "a wrong shape, a wrong type and labels out of range are each a ValueError"


def _bad_batches(logits: Tensor, labels: Tensor, num_classes: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    yield "logits with a channel too many", torch.cat([logits, logits[:, :1]], dim=1), labels
    yield "logits with a channel too few", logits[:, 1:], labels
    yield "logits with three dimensions", logits[None], labels
    yield "integer logits", logits.long(), labels
    yield "int32 labels", logits, labels.int()
    yield "float labels", logits, labels.double()
    yield "a label too few", logits, labels[1:]
    yield "labels with two dimensions", logits, labels[:, None]
    for label in (-1, num_classes + 1):
        bad = labels.clone()
        bad[-1] = label
        yield f"the label {label} of {num_classes} classes", logits, bad
