"""Kendall's tau-b of two orders, many at once, and what it can be where some signs are open.

Pairs stand in the order of itertools.combinations: P = L (L - 1) / 2 of L losses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.intervals import Interval

Floats = NDArray[np.float64]
EQUAL = 1e-9  # values that differ by less are the same number, summed in another order


def signs(values: Floats) -> Floats:
    """Of each pair's second value minus its first: float64 [..., L] gives [..., P]; 0 is a tie, NaN without a value."""
    i, j = np.triu_indices(values.shape[-1], 1)
    gaps = np.where(np.isfinite(values), values, np.nan)
    gaps = gaps[..., j] - gaps[..., i]
    found: Floats = np.sign(np.where(np.abs(gaps) < EQUAL, 0.0, gaps))
    return found


def tau_b(first: Floats, second: Floats) -> Floats:
    """Tau-b of the values of L losses in two orders: float64 [..., L] and [..., L] give [...]; shapes broadcast.

    (concordant - discordant pairs) / sqrt(pairs untied in first x pairs untied in second), Kendall, Biometrika 33
    (1945): 1 for the same order, -1 for the reverse. Losses without a finite value on either side are left out, other
    ones in each place of the leading axes. Values that differ by less than EQUAL are tied. NaN where no pair is left
    or one side ties all of them.
    """
    one, other = np.broadcast_arrays(signs(first), signs(second))
    there = np.isfinite(one) & np.isfinite(other)
    one, other = np.where(there, one, 0), np.where(there, other, 0)
    untied = np.sqrt(np.abs(one).sum(axis=-1) * np.abs(other).sum(axis=-1))
    found: Floats = np.where(untied > 0, (one * other).sum(axis=-1) / np.maximum(untied, 1), np.nan)
    return found


def possible_tau(first: Floats, second: Floats) -> Interval | None:
    """The least and the largest tau-b whose signs are these: float64 [P] each, NaN for one that is open.

    An open sign may be 1, -1 or 0. None where one side ties all pairs, so that no tau-b is defined.
    """
    untied = first != 0, second != 0  # NaN is
    if not untied[0].any() or not untied[1].any():
        return None
    sum_known = np.nansum(first * second)
    open_pairs = np.count_nonzero(np.isnan(first * second) & untied[0] & untied[1])
    # A pair that the other side ties adds nothing to the sum; that it may be tied here too makes the divisor smaller.
    most = np.sqrt(untied[0].sum() * untied[1].sum())
    least = np.sqrt(
        (untied[0].sum() - _open_and_tied(first, second)) * (untied[1].sum() - _open_and_tied(second, first))
    )

    def ratio(total: float, outwards: bool) -> float:
        return float(np.clip(total / (max(least, 1.0) if outwards else most), -1, 1))

    low, high = sum_known - open_pairs, sum_known + open_pairs
    return Interval(ratio(low, bool(low < 0)), ratio(high, bool(high > 0)))


def _open_and_tied(open_side: Floats, tied_side: Floats) -> int:
    return int(np.count_nonzero(np.isnan(open_side) & (tied_side == 0)))
