"""Synthetic batches: what makes one smaller, and the statistics that they are drawn from."""

from __future__ import annotations

import torch

from lt_bench.testing.cases import all_cases, long_tail, lvis_scale, make_case


def test_a_smaller_case_keeps_the_logits_of_the_rois_that_are_left() -> None:
    case = make_case(long_tail(5), [0, 5, 2, 4], seed=3)
    logits, _ = case.batch(6)
    smaller = list(case.fewer())
    assert [len(one.labels) for one in smaller] == [2, 2, 3, 3, 3, 3]
    for one in smaller:
        assert torch.equal(one.batch(6)[0], logits[list(one.rows)])
        assert one.labels == tuple(case.labels[row] for row in one.rows)


def test_statistics_of_lvis_scale() -> None:
    stats = lvis_scale()
    groups = [0, 0, 0]
    for count in stats.image_count:
        groups[(count > 10) + (count > 100)] += 1
    assert groups == [337, 461, 405]
    assert (min(stats.instance_count), max(stats.instance_count)) == (1, 50_000)
    assert [case.stats.num_classes for case in all_cases(0)] == [1, 2, 5, 30, 1203]
