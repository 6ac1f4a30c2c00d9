"""Batches and statistics on which a loss easily returns NaN: a run that meets one is destroyed."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from lt_bench.testing.cases import SMALL, Case, draw_labels, long_tail, lvis_case, lvis_scale, make_case, with_count
from lt_bench.testing.examine import examine
from lt_bench.testing.loss_under_test import LossUnderTest, evaluate, require_finite

STATS = [*map(long_tail, SMALL), lvis_scale()]


def one_roi(under_test: LossUnderTest) -> str:
    """Every foreground label; a single background RoI belongs to `all_background`."""
    cases = [make_case(long_tail(classes), [c], under_test.seed) for classes in SMALL[:-1] for c in range(classes)]
    _require_finite(under_test, [*cases, lvis_case(under_test.seed, 1)])
    return "finite for every label"


def all_background(under_test: LossUnderTest) -> str:
    cases = [make_case(stats, [stats.num_classes] * rois, under_test.seed) for stats in STATS for rois in (1, 2, 16)]
    _require_finite(under_test, cases)
    return "finite for 1, 2 and 16 RoIs"


def one_foreground(under_test: LossUnderTest) -> str:
    cases = [
        make_case(stats, [min(1, stats.num_classes - 1)] + [stats.num_classes] * rois, under_test.seed)
        for stats in STATS
        for rois in (1, 2, 15)
    ]
    _require_finite(under_test, cases)
    return "finite among 1, 2 and 15 background RoIs"


def one_instance(under_test: LossUnderTest) -> str:
    _require_finite(under_test, [*_of_count(under_test.seed, 1), _rarest(under_test.seed)])
    return "finite with RoIs of such a class and without"


def no_instance(under_test: LossUnderTest) -> str:
    _require_finite(under_test, _of_count(under_test.seed, 0))
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


def _require_finite(under_test: LossUnderTest, cases: Iterable[Case]) -> None:
    """Also when the same batch comes again: its first call may have spoilt the state."""

    def test(case: Case) -> None:
        for dtype in (torch.float32, torch.float64):
            loss = under_test.build(case.stats)
            for call in range(3):
                logits, labels = case.batch(loss.num_logits, call)
                require_finite(loss, evaluate(loss, logits.to(dtype), labels))

    examine(cases, test)
