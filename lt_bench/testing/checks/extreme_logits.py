"""Logits of +-10,000 overflow no type: a run that meets a NaN is destroyed."""

from __future__ import annotations

from dataclasses import replace

import torch

from lt_bench.testing.cases import EXTREMES, Case, all_cases
from lt_bench.testing.examine import examine, largest
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate, fork, require_finite, train

# Coarse: overflow and clamps are looked for here, precision elsewhere. A margin of 0.1 added to a logit of 1e4 in
# float32 is rounded by 1e-3, so a small value is measured against the logits.
LIMIT = 1e-2
FLOOR = 1e-4
LARGEST = {torch.float32: 1e4, torch.float16: 6e4, torch.bfloat16: 6e4}  # float16 ends at 65,504


def extreme_logits(under_test: LossUnderTest) -> str:
    def test(case: Case) -> float:
        worst = 0.0
        for dtype, scale in LARGEST.items():
            loss = train(under_test.build(case.stats), case, 1)
            logits, labels = replace(case, scale=scale).batch(loss.num_logits)
            expected = evaluate(fork(loss), logits.to(dtype).double(), labels)
            evaluation = evaluate(loss, logits.to(dtype), labels)
            require_finite(loss, evaluation)
            size = max(abs(expected.value.item()), FLOOR * scale)
            worst = largest([worst, abs(evaluation.value.item() - expected.value.item()) / size])
        return worst

    cases = [replace(case, pattern=pattern, scale=1e4) for case in all_cases(under_test.seed) for pattern in EXTREMES]
    worst = examine(cases, test, LIMIT)
    return f"finite up to +-1e4 (half precision +-6e4), {worst:.1e} off float64"
