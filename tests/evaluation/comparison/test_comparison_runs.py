from __future__ import annotations

import numpy as np
import pytest

from lt_bench.errors import UserError
from lt_bench.evaluation.comparison.runs import LossRuns, are_paired

VALUES = np.arange(15, dtype=np.float64).reshape(3, 5)


def test_a_seed_that_is_there_twice_is_refused() -> None:
    with pytest.raises(UserError, match="ce has two runs of seed 2"):
        LossRuns("ce", (2, 0, 2), VALUES)


def test_arrays_must_fit_the_seeds() -> None:
    with pytest.raises(ValueError, match="values of ce"):
        LossRuns("ce", (0, 1), VALUES)
    with pytest.raises(ValueError, match="resampled values of ce"):
        LossRuns("ce", (0, 1, 2), VALUES, np.zeros((2, 10, 5)))


def test_a_metric_is_found_in_both_arrays() -> None:
    runs = LossRuns("ce", (0, 1, 2), VALUES, np.repeat(VALUES[:, None], 4, axis=1))
    assert runs.measured("APr").tolist() == [1, 6, 11]
    found = runs.in_resamples("APr")
    assert found is not None and found.tolist() == [[1] * 4, [6] * 4, [11] * 4]


def test_runs_are_ordered_by_seed_and_paired_only_if_all_seeds_are_the_same() -> None:
    runs = LossRuns("ce", (2, 0, 1), VALUES, np.repeat(VALUES[:, None], 4, axis=1)).ordered()
    assert runs.seeds == (0, 1, 2) and runs.measured("AP").tolist() == [5, 10, 0]
    assert runs.resampled is not None and runs.resampled[:, 0, 0].tolist() == [5, 10, 0]
    assert are_paired(runs, LossRuns("ecm", (1, 2, 0), VALUES))
    assert not are_paired(runs, LossRuns("ecm", (1, 2, 3), VALUES))
    assert not are_paired(runs, LossRuns("ecm", (0, 1), VALUES[:2]))
