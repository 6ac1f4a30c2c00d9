"""Mean and standard deviation over seeds, against numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from record_values import metrics

from lt_bench.leaderboard import ResultRecord
from lt_bench.leaderboard.over_seeds import over_seeds, seeds_table

Make = Callable[..., ResultRecord]


def test_mean_and_sample_standard_deviation(make_record: Make) -> None:
    values = [0.25, 0.5, 0.75, 0.3125]
    spreads = over_seeds([make_record(ap=ap, seed=seed) for seed, ap in enumerate(values)])
    assert spreads["segm", "AP"].mean == pytest.approx(np.mean(values), abs=1e-15)
    assert spreads["segm", "AP"].deviation == pytest.approx(np.std(values, ddof=1), abs=1e-15)
    assert {spread.n for spread in spreads.values()} == {4}
    assert (spreads["bbox", "APr"].mean, spreads["bbox", "APr"].deviation) == (0.5, 0.0)


def test_what_a_run_lacks_does_not_count(make_record: Make) -> None:
    """-1 stands for no ground truth, and a metric on request may be missing."""
    with_boundary = make_record(ap=0.25, ap_boundary=metrics(0.125))
    absent = make_record(metrics={"bbox": metrics(0.5), "segm": metrics(0.125, APl=-1)}, seed=1)
    spreads = over_seeds([with_boundary, absent])
    assert (spreads["segm", "APl"].mean, spreads["segm", "APl"].n) == (0.125, 1)
    assert spreads["segm", "APl"].deviation is None
    assert spreads["segm", "AP_boundary"].n == 1
    assert ("bbox", "AP_boundary") not in spreads
    nowhere = over_seeds([absent])["segm", "APl"]
    assert (nowhere.mean, nowhere.deviation, nowhere.n) == (None, None, 0)


def test_the_table_is_in_percent(make_record: Make) -> None:
    records = [make_record(ap=ap, ap_boundary=metrics(0.5), seed=seed) for seed, ap in enumerate((0.2, 0.3))]
    rows = {row.split()[0]: row.split()[1:] for row in seeds_table(records).splitlines()[2:]}
    assert rows["AP"] == ["50.00", "0.00", "2", "25.00", "7.07", "2"]
    assert rows["AP_boundary"] == ["50.00", "0.00", "2"]  # of masks alone
    assert {row.split()[0]: row.split()[1:] for row in seeds_table(records[:1]).splitlines()[2:]}["AP"] == [
        *("50.00", "-", "1", "20.00", "-", "1")
    ]
