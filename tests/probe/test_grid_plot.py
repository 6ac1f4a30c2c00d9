"""The plot shows the means and Student's intervals over the seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import made_record, made_run
from scipy import stats

from lt_bench.evaluation.comparison.figures import save
from lt_bench.leaderboard.over_seeds import Spread
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.probe.grid_plot import draw_grid, half_width


def records(skill: float, seeds: int) -> list[ResultRecord]:
    return [made_record(made_run(skill, seed), "e" * 64, seed=seed) for seed in range(seeds)]


def test_half_width_is_students() -> None:
    values = np.array([0.2, 0.25, 0.27, 0.31])
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    found = half_width(Spread(float(values.mean()), float(values.std(ddof=1)), 4))
    assert found == pytest.approx((high - low) / 2)
    assert half_width(Spread(0.2, None, 1)) is None


def test_means_and_intervals_are_drawn(tmp_path: Path) -> None:
    groups = {0.2: records(0.4, 3), 0.8: records(0.6, 3), 2.0: records(0.5, 1)}
    figure = draw_grid(groups, "seesaw", "p", "made")
    for ax, metric in zip(figure.axes, ("AP", "APr"), strict=True):
        values = [[100 * getattr(one.metrics.bbox, metric) for one in group] for group in groups.values()]
        lines: list[Any] = list(ax.lines)
        curve, others = lines[0], lines[1:]
        np.testing.assert_allclose(curve.get_xdata(), list(groups))
        np.testing.assert_allclose(curve.get_ydata(), [np.mean(group) for group in values])
        bars = [line.get_ydata() for line in others if len(np.atleast_1d(line.get_ydata())) == 2]
        assert len(bars) == 2  # one seed has no interval
        np.testing.assert_allclose(bars[0], stats.t.interval(0.95, 2, np.mean(values[0]), stats.sem(values[0])))
    save(figure, tmp_path / "grid.png")
    assert (tmp_path / "grid.png").stat().st_size > 10_000


def test_values_that_are_no_numbers() -> None:
    ax = draw_grid({False: records(0.4, 1), True: records(0.5, 1)}, "ecm", "float32_weights", "made").axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["False", "True"]
