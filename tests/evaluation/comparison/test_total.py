"""Seeds and images together, against simulation with known variances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration.seeds import LEVELS, coverage, one_loss, seeds_of
from benchmarks.calibration.simulated_runs import METRIC, Noise, Simulator
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.seeds import Scatter, scatter, seed_interval
from lt_bench.evaluation.comparison.total import ImageVariance, difference, image_variance, total_interval

M = len(COMPARED)
NO_SCATTER = Scatter(0.0, 2.0, 0.0, True)


@pytest.mark.parametrize(
    ("n", "paired", "noise", "low", "high", "widest"),
    [
        (2, True, "5", 93, 97.5, 5.5),
        (3, True, "5", 93, 97, 1.9),
        (3, False, "1", 94, 98.5, 1.4),
        (3, True, "0.2", 94, 98.8, 1.3),
        (10, True, "5", 93, 97, 1.12),
        (10, False, "1", 93, 97, 1.07),
    ],
)
def test_it_covers(n: int, paired: bool, noise: str, low: float, high: float, widest: float) -> None:
    """95 % intervals; 600 repetitions, so within 1.8 of what the full calibration finds (docs/calibration_seeds.md)."""
    found = coverage(LEVELS[noise], n, n, paired, 600)
    assert low <= found["total"] <= high
    assert found["width"] < widest
    if noise == "5":
        assert found["images"] < 80  # the smaller question's interval in its place would be seen


@pytest.mark.parametrize(("n", "noise"), [(2, "1"), (3, "5"), (3, "0.2"), (10, "1")])
def test_a_loss_is_not_called_different_from_itself(n: int, noise: str) -> None:
    """At most 5 % in truth, so at most 6.8 % in 600 repetitions."""
    assert one_loss(LEVELS[noise], n, 600)["total"] <= 6.8


@pytest.mark.parametrize(
    ("n_first", "n_second", "paired"), [(2, 2, True), (3, 3, False), (2, 5, False), (10, 10, True)]
)
def test_what_images_do_to_single_runs_is_not_counted_twice(n_first: int, n_second: int, paired: bool) -> None:
    simulator = Simulator(1)
    found = []
    for _ in range(300):
        (first, second), _ = simulator.losses(Noise(3, 1, 2), (0, 0), seeds_of(n_first, n_second, paired))
        sides = first.in_resamples(METRIC), second.in_resamples(METRIC)
        assert sides[0] is not None and sides[1] is not None
        variance = image_variance(sides[0], sides[1], paired)
        assert variance is not None
        found.append(variance)
        assert variance.whole == pytest.approx(np.var(sides[1].mean(axis=0) - sides[0].mean(axis=0), ddof=1))
    whole, of_losses = np.mean(found, axis=0)
    assert of_losses == pytest.approx(2 * 1**2, rel=0.08)
    assert whole == pytest.approx(2 * 1**2 + 2**2 * (1 / n_first + 1 / n_second), rel=0.08)


def test_without_images_it_is_the_seeds_interval() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 4))
    found = scatter(first, second, True)
    assert found is not None
    seeds = seed_interval(first, second, True)
    interval, p = total_interval(seeds.value, found, ImageVariance(0.0, 0.0))
    assert seeds.interval is not None
    assert (interval.low, interval.high) == pytest.approx((seeds.interval.low, seeds.interval.high))
    assert p == pytest.approx(seeds.p)


def test_without_seeds_it_is_the_normal_interval() -> None:
    interval, p = total_interval(0.3, NO_SCATTER, ImageVariance(0.01, 0.01))
    assert (interval.low, interval.high) == pytest.approx((0.3 - 0.195996, 0.3 + 0.195996), abs=1e-6)
    assert p == pytest.approx(2 * stats.norm.sf(3))
    assert total_interval(0.0, NO_SCATTER, ImageVariance(0.0, 0.0))[1] == 1


@pytest.mark.parametrize("value", [1e-6, 0.01, 0.1, 1.0, 2.0])
@pytest.mark.parametrize("df", [1.0, 2.0, 7.5])
def test_p_is_where_the_interval_touches_zero(value: float, df: float) -> None:
    known = Scatter(0.02, df, 1.0, True)
    images = ImageVariance(0.025, 0.01)
    _, p = total_interval(value, known, images)
    interval, _ = total_interval(value, known, images, confidence=1 - p)
    assert interval.low == pytest.approx(0, abs=value * 1e-3)


def runs(name: str, seeds: tuple[int, ...], mean: float, rng: np.random.Generator) -> LossRuns:
    values = mean + rng.normal(0, 0.01, (len(seeds), M))
    return LossRuns(name, seeds, values, values[:, None] + rng.normal(0, 0.02, (len(seeds), 50, M)))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.998])
def test_it_contains_the_intervals_of_seeds_and_of_images_and_p_agrees(paired: bool, confidence: float) -> None:
    """Whatever the noise, few seeds and few resamples included, and whatever p of zero or of the seeds alone."""
    rng = np.random.default_rng(0)
    excluded = 0
    for _ in range(200):
        seeds, images, both = 10 ** rng.uniform(-4, -1, 3)
        sides = []
        for name, first, mean in (("a", 0, 0.3), ("b", 0 if paired else 9, 0.3 + rng.normal(0, 0.1))):
            n = 3 if paired else int(rng.integers(2, 6))
            values = rng.normal(mean, seeds, (n, M))
            moved = rng.normal(0, images, (1, 30, M)) + rng.normal(0, both, (n, 30, M))
            sides.append(LossRuns(name, tuple(range(first, first + n)), values, values[:, None] + moved))
        found = difference(sides[0], sides[1], "AP", confidence)
        assert found.paired == paired and found.total and found.seeds and found.images
        assert found.p_total is not None and found.p_seeds is not None
        for inner in (found.seeds, found.images):
            assert found.total.low <= inner.low + 1e-12 and inner.high - 1e-12 <= found.total.high
        assert found.p_total >= found.p_seeds * (1 - 1e-6)
        outside = not found.total.low <= 0 <= found.total.high
        assert outside == (found.p_total <= 1 - confidence)
        excluded += outside
    assert excluded > 0


def test_seeds_that_are_alike_by_chance_do_not_hide_what_images_do() -> None:
    """Two runs a side with the same values: all that is known to scatter is the images' part."""
    rng = np.random.default_rng(0)
    first, second = (
        LossRuns(name, (0, 1), np.full((2, M), 0.3), 0.3 + rng.normal(0, 0.02, (2, 200, M))) for name in ("a", "b")
    )
    found = difference(first, second, "AP")
    assert found.total is not None and found.images is not None
    assert (found.total.low, found.total.high) == pytest.approx((found.images.low, found.images.high))


def test_with_one_seed_the_total_is_not_known() -> None:
    rng = np.random.default_rng(0)
    found = difference(runs("ce", (0,), 0.2, rng), runs("ecm", (0, 1, 2), 0.5, rng), "AP", p_images=0.001)
    assert found.images is not None and found.images.low > 0
    assert found.p_images == 0.001
    assert [found.total, found.p, found.p_total, found.seeds, found.p_seeds, found.df] == [None] * 6


def test_without_resamples_only_the_seeds_are_known() -> None:
    rng = np.random.default_rng(0)
    first, second = runs("ce", (0, 1), 0.2, rng), runs("ecm", (0, 1), 0.5, rng)
    found = difference(first, LossRuns("ecm", (0, 1), second.values), "AP")
    assert found.seeds is not None and found.p_seeds is not None
    assert [found.images, found.total, found.p, found.image_deviation] == [None] * 4


def test_a_metric_that_is_not_there_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    sides = [runs(name, (0, 1), 0.2, rng) for name in ("ce", "ecm")]
    for one in sides:
        one.values[:, 1] = np.nan
        assert one.resampled is not None
        one.resampled[:, :, 1] = np.nan
    found = difference(sides[0], sides[1], "APr")
    assert np.isnan(found.value)
    assert [found.seeds, found.images, found.total, found.p, found.seed_deviation] == [None] * 5


def test_resamples_without_the_metric_are_left_out() -> None:
    rng = np.random.default_rng(0)
    sides = [runs(name, (0, 1), 0.2, rng) for name in ("ce", "ecm")]
    fewer = [
        LossRuns(one.name, one.seeds, one.values, one.resampled[:, 5:]) for one in sides if one.resampled is not None
    ]
    for one in sides:
        assert one.resampled is not None
        one.resampled[:, :5] = np.nan
    assert difference(sides[0], sides[1], "APr") == difference(fewer[0], fewer[1], "APr")


def test_pairs_are_found_whatever_the_order_of_the_runs() -> None:
    rng = np.random.default_rng(0)
    first, second = runs("ce", (0, 1, 2), 0.2, rng), runs("ecm", (0, 1, 2), 0.5, rng)
    assert second.resampled is not None
    turned = LossRuns("ecm", (2, 1, 0), second.values[::-1], second.resampled[::-1])
    assert difference(first, second, "AP50") == difference(first, turned, "AP50")
