"""The order of the RoIs does not matter."""

from __future__ import annotations

import torch

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
        expected = evaluate(fork(loss), logits, labels)
        for permutation in (shuffled, torch.arange(len(labels) - 1, -1, -1)):
            found = evaluate(fork(loss), logits[permutation], labels[permutation])
            deviations.append(relative(found.value, expected.value))
            deviations.append(relative(found.gradient, expected.gradient[permutation]))
        return max(deviations)

    worst = examine(all_cases(under_test.seed), test, LIMIT)
    return f"{worst:.1e} off in another order (limit {LIMIT:.0e})"
