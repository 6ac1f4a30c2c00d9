"""Margins where the formula is known, and where there is none."""

from __future__ import annotations

import math

import numpy as np
from lt_bench.losses.seesaw import Seesaw
from profile_cases import STATS, Flat, agree, profile, share

C = STATS.num_classes


def test_seesaw_margin_without_its_factors_is_that_of_softmax() -> None:
    """p = e^s / (e^s + C - 1); a positive pulls by 1 - p, the mean negative by p times the share of foreground."""
    found = profile(Seesaw, p=0.0, q=0.0)
    part = [(0.25 - share(c)) / (1 - share(c)) for c in range(C)]
    agree(found.margin[:-1], [math.log((C - 1) / f) for f in part])
    agree(found.weight[:-1], [2 * f / (1 + f) for f in part])


def test_what_does_not_balance_has_no_margin() -> None:
    found = profile(Flat)
    assert np.isnan(found.margin).all() and np.isnan(found.weight).all()
    agree(found.positive[:-1], [0.0] * C)
