"""Numbers, pairs and tables as they are shown on a terminal. AP in percent, differences in points."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from tabulate import tabulate

from lt_bench.evaluation.comparison.comparison import Pair
from lt_bench.evaluation.comparison.intervals import Interval

ABSENT = "-"
WIDTH = 112  # of prose


def interval(one: Interval | None, absent: str = ABSENT) -> str:
    return absent if one is None else f"{points(one.low)} to {points(one.high)}"


def points(difference: float) -> str:
    """With its sign, unless it is rounded to zero."""
    text = f"{100 * difference:+.2f}"
    return text[1:] if float(text) == 0 else text


def p_value(p: float | None) -> str:
    if p is None or np.isnan(p):
        return ABSENT
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def p_is(p: float | None) -> str:
    """p = 0.034 or p < 0.001, for sentences."""
    text = p_value(p)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def percent(share: float | None) -> str:
    if share is None:
        return ABSENT
    return "<1 %" if 0 <= share < 0.005 else f"{100 * share:.0f} %"


def minus(pair: Pair) -> str:
    return f"{pair.second} - {pair.first}"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """texts: how many columns on the left are words."""
    align = ["left"] * texts + ["right"] * (len(headers) - texts)
    return str(tabulate(rows, headers=headers, disable_numparse=True, colalign=align))
