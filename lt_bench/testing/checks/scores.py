"""The scores: their shape and range, that they rise with the class's own logit, and which column is background."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lt_bench.api.loss import LongTailLoss
from lt_bench.testing.cases import EXTREMES, SMALL, Case, all_cases, long_tail, lvis_scale, make_case
from lt_bench.testing.loss_under_test import Subject, evaluate, examine
from lt_bench.testing.result import Wrong

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
LOGIT_RANGE = torch.linspace(-8, 8, 33, dtype=torch.float64)
MOST_CLASSES = 40  # of LVIS scale, whose classes differ in nothing but their counts
TOLERANCE = 1e-9
DESCENT_STEPS = 5
DESCENT_STEP = 0.5  # the largest change of a logit in one step


def scores(subject: Subject) -> str:
    def test(case: Case) -> None:
        loss = subject.build(case.stats)
        for dtype in DTYPES:
            logits, _ = case.batch(loss.num_logits)
            for given in (logits.clamp(-6e4, 6e4).to(dtype), logits[:0].to(dtype)):
                _require_scores(loss, given)

    ordinary = all_cases(subject.seed)
    extreme = [replace(case, pattern=pattern, scale=1e4) for case in ordinary for pattern in EXTREMES]
    examine([*ordinary, *extreme], test)
    return "[N, C + 1] and in [0, 1], also without RoIs, for +-1e4 and in half precision"


def _require_scores(loss: LongTailLoss, logits: Tensor) -> None:
    given = logits.clone()
    with torch.no_grad():
        found = loss.scores(given)
    expected = [len(logits), loss.num_classes + 1]
    if list(found.shape) != expected:
        raise Wrong(f"scores of {list(logits.shape)} logits have shape {list(found.shape)}, expected {expected}")
    if not torch.equal(given, logits):
        raise Wrong("scores() changed the logits that it was given")
    if found.numel() and not ((found >= 0) & (found <= 1)).all():
        low, high = found.min().item(), found.max().item()
        raise Wrong(f"scores of {logits.dtype} logits lie in {low:.4g}..{high:.4g}, expected 0..1")


def monotone(subject: Subject) -> str:
    def test(case: Case) -> None:
        loss = subject.build(case.stats)
        logits, _ = case.batch(loss.num_logits)
        stride = max(1, loss.num_classes // MOST_CLASSES)
        for c in range(0, loss.num_classes, stride):
            moved = logits[:, None].repeat(1, len(LOGIT_RANGE), 1)
            moved[..., c] = LOGIT_RANGE
            with torch.no_grad():
                own = loss.scores(moved.flatten(0, 1))[:, c].view(len(logits), len(LOGIT_RANGE))
            fall = (own[:, :-1] - own[:, 1:]).max(dim=0).values
            if not fall.max() <= TOLERANCE:  # nor a NaN
                step = int(fall.argmax())
                between = f"{LOGIT_RANGE[step].item():g} and {LOGIT_RANGE[step + 1].item():g}"
                raise Wrong(f"the score of class {c} falls by {fall.max().item():.1e} between its logits {between}")

    # Two RoIs are enough: rows of scores are independent.
    cases = [replace(case, labels=case.labels[:2], rows=case.rows[:2]) for case in all_cases(subject.seed)]
    examine(cases, test)
    return f"no class's score falls while its logit rises from {LOGIT_RANGE[0]:g} to {LOGIT_RANGE[-1]:g}"


def background(subject: Subject) -> str:
    """Training itself says which logits are whose: a few steps down the gradient, then the scores are read."""
    cases = [
        make_case(long_tail(classes), [label for label in range(classes + 1) for _ in range(2)], subject.seed)
        for classes in SMALL
    ]
    # Almost every class of LVIS once: what goes wrong above 255 of them shows nowhere else. Those with one instance
    # have a check of their own.
    stats = lvis_scale()
    labels = [label for label, count in enumerate(stats.instance_count) if count > 1] + [stats.num_classes]
    cases += [make_case(stats, labels[half::2], subject.seed) for half in range(2)]
    examine(cases, lambda case: _require_background_last(subject, case))
    return f"after {DESCENT_STEPS} steps down the gradient each RoI scores as its label, background last"


def _require_background_last(subject: Subject, case: Case) -> None:
    loss = subject.build(case.stats)
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
    if len(change) and (change[:, :-1].max() > TOLERANCE or not change[:, :-1].sum() < 0):
        raise Wrong("trained on background, the scores of the classes do not go down")
    if len(change) and not change[:, -1].min() >= -TOLERANCE:
        raise Wrong("trained on background, the last score goes down")
