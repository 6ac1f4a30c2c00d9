"""The order of the RoIs does not matter, where a loss draws, with the draws in the same order."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from lt_bench.api.loss import LongTailLoss
from lt_bench.api.seeded_draws import SeededDraws
from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine, relative
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate, fork, train

LIMIT = 1e-9  # sums in another order, in float64


def order(under_test: LossUnderTest) -> str:
    def test(case: Case) -> float:
        loss = train(under_test.build(case.stats), case, 1)
        logits, labels = case.batch(loss.num_logits)
        shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(case.seed))
        deviations = []
        expected = evaluate(_with_draws(fork(loss), labels, torch.arange(len(labels))), logits, labels)
        for permutation in (shuffled, torch.arange(len(labels) - 1, -1, -1)):
            other = _with_draws(fork(loss), labels, permutation)
            found = evaluate(other, logits[permutation], labels[permutation])
            deviations.append(relative(found.value, expected.value))
            deviations.append(relative(found.gradient, expected.gradient[permutation]))
        return max(deviations)

    worst = examine(all_cases(under_test.seed), test, LIMIT)
    return f"{worst:.1e} off in another order (limit {LIMIT:.0e})"


def _with_draws(loss: LongTailLoss, labels: Tensor, permutation: Tensor) -> LongTailLoss:
    """The loss, its next draw that of the RoIs as they were, in the order of `permutation`."""
    if isinstance(loss, SeededDraws) and loss.sample_axis is not None:
        axis = loss.sample_axis
        drawn = tree_map(lambda sample: sample.index_select(axis, permutation), loss.draw_sample(labels))
        loss.draw_sample = lambda labels: drawn  # type: ignore[method-assign]
    return loss
