"""Running sums and maxima down the columns of an array, several times faster than numpy's accumulate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 16


def accumulate(operation: np.ufunc, values: NDArray[Any]) -> None:
    """What operation.accumulate(values, axis=0, out=values) does, for an associative operation; values [n, B].

    ufunc.accumulate goes down one column after the other, which costs 5 to 20 ns an element, ten times what the
    operation itself does. Here whole rows are taken together: first within groups of STEP rows, all groups at once,
    then over the groups, then what stands before a group is added to all of its rows.
    """
    groups = len(values) // STEP
    if groups > 1:
        grouped = values[: groups * STEP].reshape(groups, STEP, -1)  # a view: one axis becomes two
        for index in range(1, STEP):
            operation(grouped[:, index], grouped[:, index - 1], out=grouped[:, index])
        before = grouped[:, -1].copy()
        accumulate(operation, before)
        operation(grouped[1:], before[:-1, None], out=grouped[1:])
    done = groups * STEP if groups > 1 else 1
    for index in range(done, len(values)):
        operation(values[index], values[index - 1], out=values[index])
