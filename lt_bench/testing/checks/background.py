"""Which channel and which column of the scores is whose: background is last."""

from __future__ import annotations

import torch

from lt_bench.testing.cases import SMALL, Case, long_tail, lvis_scale, make_case
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate
from lt_bench.testing.result import Wrong

TOLERANCE = 1e-9
DESCENT_STEPS = 5
DESCENT_STEP = 0.5  # the largest change of a logit in one step


def background(under_test: LossUnderTest) -> str:
    """Training itself says which logits are whose: a few steps down the gradient, then the scores are read."""
    cases = [
        make_case(long_tail(classes), [label for label in range(classes + 1) for _ in range(2)], under_test.seed)
        for classes in SMALL
    ]
    # Almost every class of LVIS once: what goes wrong above 255 of them shows nowhere else. Those with one instance
    # have a check of their own.
    stats = lvis_scale()
    labels = [label for label, count in enumerate(stats.instance_count) if count > 1] + [stats.num_classes]
    cases += [make_case(stats, labels[half::2], under_test.seed) for half in range(2)]
    examine(cases, lambda case: _require_background_last(under_test, case))
    return f"after {DESCENT_STEPS} steps down the gradient each RoI scores as its label, background last"


def _require_background_last(under_test: LossUnderTest, case: Case) -> None:
    loss = under_test.build(case.stats)
    labels = torch.tensor(case.labels)
    logits = torch.zeros(len(labels), loss.num_logits, dtype=torch.float64)
    with torch.no_grad():
        before = loss.scores(logits)
    for _ in range(DESCENT_STEPS):
        slope = evaluate(loss, logits, labels).gradient
        logits = logits - DESCENT_STEP * slope / slope.abs().max().clamp(min=1e-30)
    with torch.no_grad():
        after = loss.scores(logits)
    is_background = labels == loss.num_classes
    best = after[:, :-1].argmax(dim=1)
    wrong = (~is_background & (best != labels)).nonzero().flatten().tolist()
    if wrong:
        row = wrong[0]
        raise Wrong(f"trained on label {case.labels[row]}, the best score is that of class {int(best[row])}")
    change = (after - before)[is_background]
    # A class may gain from others that lose more, where the loss scales logits by class, but less than background.
    if len(change) and ((change[:, :-1] > change[:, -1:] + TOLERANCE).any() or not change[:, :-1].sum() < 0):
        raise Wrong("trained on background, the scores of the classes do not go down")
    if len(change) and not change[:, -1].min() >= -TOLERANCE:
        raise Wrong("trained on background, the last score goes down")
