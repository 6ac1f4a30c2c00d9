"""Batches and statistics on which a loss easily returns NaN: a run that meets one is destroyed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import nn

from lt_bench.testing.cases import (
    EXTREMES,
    SMALL,
    Case,
    all_cases,
    draw_labels,
    long_tail,
    lvis_case,
    lvis_scale,
    make_case,
    with_count,
)
from lt_bench.testing.loss_under_test import (
    Subject,
    evaluate,
    examine,
    fork,
    largest,
    require_finite,
    seeded,
    total,
    train,
)
from lt_bench.testing.result import Wrong

# Coarse: overflow and clamps are looked for here, precision elsewhere. A margin of 0.1 added to a logit of 1e4 in
# float32 is rounded by 1e-3, so a small value is measured against the logits.
EXTREME_LIMIT = 1e-2
EXTREME_FLOOR = 1e-4
EXTREME_LOGITS = {torch.float32: 1e4, torch.float16: 6e4, torch.bfloat16: 6e4}  # float16 ends at 65,504
STATS = [*map(long_tail, SMALL), lvis_scale()]


def extreme_logits(subject: Subject) -> str:
    def test(case: Case) -> float:
        worst = 0.0
        for dtype, scale in EXTREME_LOGITS.items():
            loss = train(subject.build(case.stats), case, 1)
            logits, labels = replace(case, scale=scale).batch(loss.num_logits)
            expected = evaluate(fork(loss), logits.to(dtype).double(), labels)
            evaluation = evaluate(loss, logits.to(dtype), labels)
            require_finite(loss, evaluation)
            size = max(abs(expected.value.item()), EXTREME_FLOOR * scale)
            worst = largest([worst, abs(evaluation.value.item() - expected.value.item()) / size])
        return worst

    cases = [replace(case, pattern=pattern, scale=1e4) for case in all_cases(subject.seed) for pattern in EXTREMES]
    worst = examine(cases, test, EXTREME_LIMIT)
    return f"finite up to +-1e4 (half precision +-6e4), {worst:.1e} off float64"


def no_rois(subject: Subject) -> str:
    def test(case: Case) -> None:
        loss = subject.build(case.stats)
        classifier = nn.Linear(8, loss.num_logits)
        with seeded(subject.seed):
            value = total(loss(classifier(torch.zeros(0, 8)), torch.zeros(0, dtype=torch.int64)))
        if value.item() != 0:
            raise Wrong(f"the loss of no RoIs is {value.item()}, expected 0")
        if not value.requires_grad:
            raise Wrong("the loss of no RoIs has no gradient: backward fails, and other ranks wait for this one")
        with seeded(subject.seed):
            value.backward()  # type: ignore[no-untyped-call]
        for name, parameter in classifier.named_parameters():
            if parameter.grad is None or parameter.grad.any() or not parameter.grad.isfinite().all():
                raise Wrong(f"the classifier's {name} has no gradient of zeros after a batch without RoIs")
        require_finite(loss, evaluate(loss, *case.batch(loss.num_logits)))

    examine(all_cases(subject.seed), test)
    return "value 0, gradient 0 down to the classifier, and usable afterwards"


def one_roi(subject: Subject) -> str:
    """Every foreground label; a single background RoI belongs to `all_background`."""
    cases = [make_case(long_tail(classes), [c], subject.seed) for classes in SMALL[:-1] for c in range(classes)]
    _require_finite(subject, [*cases, lvis_case(subject.seed, 1)])
    return "finite for every label"


def all_background(subject: Subject) -> str:
    cases = [make_case(stats, [stats.num_classes] * rois, subject.seed) for stats in STATS for rois in (1, 2, 16)]
    _require_finite(subject, cases)
    return "finite for 1, 2 and 16 RoIs"


def one_foreground(subject: Subject) -> str:
    cases = [
        make_case(stats, [min(1, stats.num_classes - 1)] + [stats.num_classes] * rois, subject.seed)
        for stats in STATS
        for rois in (1, 2, 15)
    ]
    _require_finite(subject, cases)
    return "finite among 1, 2 and 15 background RoIs"


def one_instance(subject: Subject) -> str:
    _require_finite(subject, [*_of_count(subject.seed, 1), _rarest(subject.seed)])
    return "finite with RoIs of such a class and without"


def no_instance(subject: Subject) -> str:
    _require_finite(subject, _of_count(subject.seed, 0))
    return "counts as one: finite with RoIs of such a class and without"


def _of_count(seed: int, count: int) -> list[Case]:
    """A class with `count` instances, last or alone, with RoIs of it and without."""
    cases = []
    for classes in SMALL:
        stats = with_count(long_tail(classes), classes - 1, count)
        own = [classes - 1, classes - 1, classes]
        cases.append(make_case(stats, own, seed))
        if classes > 1:
            cases.append(make_case(stats, draw_labels(stats, 6, seed), seed))
    return cases


def _rarest(seed: int) -> Case:
    """LVIS scale, with RoIs of a class with one instance."""
    stats = lvis_scale()
    rarest = stats.instance_count.index(1)
    return make_case(stats, [rarest, *draw_labels(stats, 11, seed)], seed)


def _require_finite(subject: Subject, cases: Iterable[Case]) -> None:
    """Also when the same batch comes again: its first call may have spoilt the state."""

    def test(case: Case) -> None:
        for dtype in (torch.float32, torch.float64):
            loss = subject.build(case.stats)
            for call in range(3):
                logits, labels = case.batch(loss.num_logits, call)
                require_finite(loss, evaluate(loss, logits.to(dtype), labels))

    examine(cases, test)
