"""The score of a class rises with the class's own logit."""

from __future__ import annotations

from dataclasses import replace

import torch

from lt_bench.testing.cases import Case, all_cases
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest
from lt_bench.testing.result import Wrong

LOGIT_RANGE = torch.linspace(-8, 8, 33, dtype=torch.float64)
MOST_CLASSES = 40  # of LVIS scale, whose classes differ in nothing but their counts
TOLERANCE = 1e-9


def monotone(under_test: LossUnderTest) -> str:
    def test(case: Case) -> None:
        loss = under_test.build(case.stats)
        logits, _ = case.batch(loss.num_logits)
        stride = max(1, loss.num_classes // MOST_CLASSES)
        channels = loss.class_channels().tolist()
        for c in range(0, loss.num_classes, stride):
            moved = logits[:, None].repeat(1, len(LOGIT_RANGE), 1)
            moved[..., channels[c]] = LOGIT_RANGE
            with torch.no_grad():
                own = loss.scores(moved.flatten(0, 1))[:, c].view(len(logits), len(LOGIT_RANGE))
            fall = (own[:, :-1] - own[:, 1:]).max(dim=0).values
            if not fall.max() <= TOLERANCE:  # nor a NaN
                step = int(fall.argmax())
                between = f"{LOGIT_RANGE[step].item():g} and {LOGIT_RANGE[step + 1].item():g}"
                raise Wrong(f"the score of class {c} falls by {fall.max().item():.1e} between its logits {between}")

    # Two RoIs are enough: rows of scores are independent.
    cases = [replace(case, labels=case.labels[:2], rows=case.rows[:2]) for case in all_cases(under_test.seed)]
    examine(cases, test)
    return f"no class's score falls while its logit rises from {LOGIT_RANGE[0]:g} to {LOGIT_RANGE[-1]:g}"
