"""Redrawn means against variances that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_values import made

from benchmarks.calibration.simulated_runs import METRIC, Noise, Simulator
from lt_bench.evaluation.comparison.redrawn import image_moves, means, seed_moves
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.total import of_single_runs


def test_seeds_move_a_mean_as_far_as_its_standard_error() -> None:
    runs = [made("a", [0.1, 0.3, 0.2]), made("b", [0.5, 0.4, 0.9, 0.6], first_seed=7)]
    moves = seed_moves(runs, "AP", 40_000, np.random.default_rng(0))
    assert moves is not None
    expected = [np.std(one.measured("AP"), ddof=1) / len(one) ** 0.5 for one in runs]
    assert moves.std(axis=0) == pytest.approx(expected, rel=0.02)
    assert moves.mean(axis=0) == pytest.approx([0, 0], abs=0.003)
    assert abs(np.corrcoef(moves.T)[0, 1]) < 0.02


def test_the_same_seeds_move_together() -> None:
    first, second = made("a", [0.1, 0.3, 0.2]), made("b", [0.52, 0.72, 0.62])
    turned = LossRuns("b", (2, 0, 1), second.values[[2, 0, 1]])
    moves = seed_moves([first, turned], "AP", 100, np.random.default_rng(0))
    assert moves is not None and moves.std() > 0.01
    assert moves[:, 0] == pytest.approx(moves[:, 1])


def test_one_run_or_no_resamples_leave_the_moves_unknown() -> None:
    several, single = made("a", [0.1, 0.3]), made("b", [0.2])
    assert seed_moves([several, single], "AP", 10, np.random.default_rng(0)) is None
    assert image_moves([several, replace(single, resampled=None)], "AP") is None
    assert means([several, single], "AP") == pytest.approx([0.2, 0.2])


@pytest.mark.parametrize("paired", [True, False])
def test_what_images_do_to_single_runs_is_not_counted_twice(paired: bool) -> None:
    """Variance summed over five losses, each against the mean of all: 4 times that of one."""
    simulator, noise = Simulator(0), Noise(8.0, 1.0, 3.0, common=0.5)
    seeds = [range(5 * (not paired) * place, 5 * (not paired) * place + 5) for place in range(5)]
    found = []
    for _ in range(60):
        runs, _ = simulator.losses(noise, [0.0] * 5, seeds)
        moves = image_moves(runs, METRIC)
        assert moves is not None and np.abs(moves.sum(axis=1)).max() < 1e-9
        found.append(np.var(moves, axis=0, ddof=1).sum())
    assert np.mean(found) == pytest.approx(4 * noise.images**2, rel=0.15)


def test_the_images_part_is_at_least_their_whole_without_that_of_the_seeds() -> None:
    """Runs that happen to measure the same, though images do much to each of them."""
    rng = np.random.default_rng(0)
    alike = [made(name, [level] * 3) for name, level in (("a", 0.1), ("b", 0.2))]
    resampled = [rng.normal(0, 0.1, (3, 400, 1)) for _ in alike]
    runs = [replace(one, resampled=one.values[:, None] + own) for one, own in zip(alike, resampled, strict=True)]
    moves = image_moves(runs, "AP")
    assert moves is not None
    against = (resampled[1] - resampled[0])[..., 0] / 2  # of two losses, each against their mean
    assert moves[:, 1] == pytest.approx(against.mean(axis=0) - against.mean())
    assert of_single_runs(against) > 0.8 * np.var(against.mean(axis=0))


def test_resamples_without_a_value_are_no_moves() -> None:
    runs = [made("a", [0.1, 0.2], 0.1), made("b", [0.3, 0.4], 0.1)]
    assert runs[1].resampled is not None
    runs[1].resampled[0, 5] = np.nan
    moves = image_moves(runs, "AP")
    assert moves is not None and np.isnan(moves[5]).all() and np.isfinite(np.delete(moves, 5, axis=0)).all()
