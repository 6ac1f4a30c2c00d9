"""Equality of detections, column by column."""

from __future__ import annotations

import dataclasses

import numpy as np

from lt_bench.evaluation.inputs.detections import Detections


def assert_same(left: Detections, right: Detections) -> None:
    for field in dataclasses.fields(Detections):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if field.name == "counts":
            assert (one is None) == (other is None) and (one is None or one.to_pylist() == other.to_pylist())
        else:
            np.testing.assert_array_equal(one, other, err_msg=field.name)
