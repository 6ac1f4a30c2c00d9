"""Intervals against scipy, and the widening against a bootstrap of means that is simulated plainly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lt_bench.evaluation.comparison.intervals import (
    TRUSTED_FROM,
    Interval,
    doubts,
    image_interval,
    images_of_classes,
    widened,
    widening,
    widenings,
)
from lt_bench.evaluation.evidence.evidence import Evidence


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_interval_is_the_normal_distributions(confidence: float) -> None:
    resampled = np.random.default_rng(0).normal(7, 2, 50)
    low, high = stats.norm.interval(confidence, loc=0.3, scale=np.std(resampled, ddof=1))
    found = image_interval(0.3, np.append(resampled, np.nan), confidence)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high))


def test_resamples_that_say_nothing_give_no_interval() -> None:
    assert image_interval(0.3, np.array([np.nan, 0.2, np.nan])) is None
    assert image_interval(np.nan, np.array([0.1, 0.2])) is None
    assert image_interval(0.3, np.array([0.3, 0.3])) == Interval(0.3, 0.3)


def test_widened_values_keep_their_mean_and_scatter_more() -> None:
    rng = np.random.default_rng(0)
    resampled = rng.normal(size=(3, 40, 2))
    resampled[1, 5, 0] = np.nan
    found = widened(resampled, np.array([1.0, 1.5]))
    assert np.array_equal(np.isnan(found), np.isnan(resampled))
    assert np.allclose(np.nanmean(found, axis=1), np.nanmean(resampled, axis=1))
    ratio = np.nanstd(found, axis=1) / np.nanstd(resampled, axis=1)
    assert np.allclose(ratio, [1, 1.5])


@pytest.mark.parametrize("images", [1, 2, 3, 4, 20])
def test_widening_is_what_a_bootstrap_of_many_classes_lacks(images: int) -> None:
    """400 classes, whose AP is the mean of a standard normal number for each of their images."""
    classes, resamples = 400, 300
    rng = np.random.default_rng(images)
    numbers = rng.normal(size=(classes, images))
    drawn = rng.poisson(1, (resamples, classes, images))  # of many images, the multinomial's
    count = drawn.sum(axis=2)
    own = np.where(count, (drawn * numbers).sum(axis=2) / np.maximum(count, 1), np.nan)
    lacking = np.sqrt(1 / images / classes) / np.nanmean(own, axis=1).std(ddof=1)
    assert widening(np.full(classes, images)) == pytest.approx(lacking, rel=0.12)


def test_frequent_classes_beside_rare_ones_need_more_widening() -> None:
    """Rare classes that come and go hardly change how many classes a mean is over."""
    rng = np.random.default_rng(0)
    images = np.repeat((1, 15), (100, 300))
    values = []
    numbers = [rng.normal(size=count) for count in images]
    for _ in range(300):
        drawn = [rng.poisson(1, count) for count in images]
        values.append(np.mean([w @ x / w.sum() for w, x in zip(drawn, numbers, strict=True) if w.any()]))
    lacking = np.sqrt((1 / images).sum()) / len(images) / np.std(values, ddof=1)
    assert widening(images) == pytest.approx(lacking, rel=0.12)
    assert widening(images) > widening(images[:100]) + 0.1


def test_each_metric_has_the_widening_of_its_classes() -> None:
    images = np.array([1, 0, 2, 2, 9, 1])
    frequency = ("r", "r", "c", "f", "f", "r")
    found = widenings(images, frequency)
    expected = [widening(images), widening(np.array([1, 1])), widening(np.array([2])), widening(np.array([2, 9]))]
    assert found.tolist() == [*expected, expected[0]]
    assert widening(np.array([0, 0])) == 1


def test_only_groups_with_few_images_are_doubted() -> None:
    images = np.array([2, 1, 0, 50, 0, 60])
    ((metric, sentence),) = doubts(images, ("r", "r", "r", "c", "c", "f")).items()
    assert metric == "APr"
    assert sentence.startswith("APr: rare classes") and "show: 2;" in sentence and "show one: 3." in sentence
    assert doubts(np.array([TRUSTED_FROM, 60, 0]), ("r", "c", "f")) == {}
    assert all(list(doubts(np.array([9, count]), "fc")) == ["APc"] for count in range(1, TRUSTED_FROM))


def test_images_without_an_object_to_find_do_not_count() -> None:
    evidence = Evidence(
        annotations="",
        predictions="",
        image_ids=np.arange(3),
        category_ids=np.array([4, 5, 9]),
        frequency=("r", "c", "f"),
        category=np.zeros(0, np.int32),
        image=np.zeros(0, np.int32),
        score=np.zeros(0),
        outcomes={},
        object_category=np.array([0, 0, 1], np.int32),
        object_image=np.array([0, 2, 1], np.int32),
        object_count=np.array([[2, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], np.int32),
    )
    assert images_of_classes(evidence).tolist() == [1, 1, 0]
