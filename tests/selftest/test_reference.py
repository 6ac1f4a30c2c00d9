"""The references of the self-test, on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lt_bench.selftest import reference

BOXES = np.array([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]])


def test_iou_of_half_shifted_squares_is_a_third() -> None:
    expected = np.array([[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(reference.ious(BOXES), expected)


@pytest.mark.parametrize(("threshold", "kept"), [(0.3, [1, 2]), (0.4, [1, 2, 0])])
def test_nms_keeps_the_higher_scored_of_two_that_overlap(threshold: float, kept: list[int]) -> None:
    assert reference.nms(BOXES, np.array([0.1, 0.9, 0.5]), threshold) == kept


def test_what_is_suppressed_suppresses_nothing() -> None:
    boxes = np.array(
        [[float(x), 0.0, x + 3.0, 1.0] for x in range(3)]
    )  # neighbours share 2 of 4, the outer ones 1 of 5
    assert reference.nms(boxes, np.array([0.9, 0.8, 0.7]), 0.4) == [0, 2]


def test_nms_of_nothing() -> None:
    assert reference.nms(np.zeros((0, 4)), np.zeros(0), 0.5) == []


def test_a_pair_at_the_threshold_is_left_out() -> None:
    assert reference.without_borderline(BOXES, 1 / 3).tolist() == [0, 2]
    assert reference.without_borderline(BOXES, 0.4).tolist() == [0, 1, 2]


def test_a_bin_of_one_pixel_is_that_pixel() -> None:
    features = np.arange(12, dtype=np.float64).reshape(1, 1, 3, 4)
    rois = np.array([[0.0, 1.0, 1.0, 3.0, 3.0]])  # columns 1 and 2 of rows 1 and 2
    assert reference.roi_align(features, rois, 2, 1.0, 0).tolist() == [[[[5, 6], [9, 10]]]]


def test_a_bin_of_four_pixels_is_their_mean() -> None:
    features = np.arange(12, dtype=np.float64).reshape(1, 1, 3, 4)
    rois = np.array([[0.0, 2.0, 2.0, 6.0, 6.0]])
    assert reference.roi_align(features, rois, 1, 0.5, 0).tolist() == [[[[7.5]]]]


@pytest.mark.parametrize(
    ("point", "weights"),
    [(0.5, [0.5, 0.5, 0.0]), (-0.9, [1, 0, 0]), (-1.1, [0, 0, 0]), (2.9, [0, 0, 1]), (3.1, [0, 0, 0])],
)
def test_points_outside_take_the_border_for_one_pixel(point: float, weights: list[float]) -> None:
    found = reference.axis_weights(point - 0.5, point + 0.5, bins=1, pixels=3, samples=1)
    np.testing.assert_allclose(found, [weights])


def test_the_gradient_is_the_transpose() -> None:
    rng = np.random.default_rng(0)
    features, gradient = rng.normal(size=(2, 3, 6, 7)), rng.normal(size=(2, 3, 2, 2))
    rois = np.array([[1.0, -3.0, 2.0, 9.0, 12.0], [0.0, 1.0, 1.0, 4.0, 3.0]])
    forward = (gradient * reference.roi_align(features, rois, 2, 0.5, 0)).sum()
    backward = (features * reference.roi_align_gradient(gradient, features.shape, rois, 2, 0.5, 0)).sum()
    assert forward == pytest.approx(backward)
