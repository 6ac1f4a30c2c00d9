"""The closed schema spells its names out: they are those that are measured."""

from __future__ import annotations

from typing import get_args

from lt_bench.evaluation.metrics import METRICS
from lt_bench.evaluation.terms import AP_NAMES, ERRORS, GROUPS, KINDS
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.schema_base import Frequency
from lt_bench.leaderboard.schema_metrics import BoxAndMask, BoxAndMaskErrors, Counts, Errors, Gains, Metrics
from lt_bench.utils.frequency import FREQUENCIES


def test_the_names_are_those_of_what_is_measured() -> None:
    assert tuple(Metrics.model_fields) == AP_NAMES
    assert tuple(Gains.model_fields) == tuple(Counts.model_fields) == ERRORS
    assert tuple(BoxAndMask.model_fields) == tuple(BoxAndMaskErrors.model_fields) == tuple(KINDS)
    assert tuple(Errors.model_fields) == tuple(GROUPS)
    assert get_args(Frequency) == tuple(FREQUENCIES)
    assert {metric.record_field for metric in METRICS} <= set(ResultRecord.model_fields)
