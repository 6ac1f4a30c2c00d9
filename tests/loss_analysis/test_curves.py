"""Points of curves, where curves coincide, and where their names stand."""

from __future__ import annotations

import numpy as np

from lt_bench.loss_analysis.curves import bins, medians, spread, stretches


def test_points_never_mix_groups() -> None:
    images = np.array([1, 1, 2, 10, 11, 12, 100, 101, 102, 2000])
    points = bins(images)
    assert sorted(np.concatenate(points).tolist()) == list(range(len(images)))
    groups = np.digitize(images, [10.5, 100.5])
    assert all(len(set(groups[point].tolist())) == 1 for point in points)
    assert [images[point].tolist() for point in points[:3]] == [[1, 1], [2], [10]]


def test_medians_leave_out_what_is_not_there() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan])
    found = medians(values, [np.array([0, 1, 2]), np.array([3])])
    np.testing.assert_array_equal(found, [2.0, np.nan])


def test_curves_share_a_line_exactly_where_they_coincide() -> None:
    heights = {"a": np.array([0.5, 0.5, 0.5, 0.5]), "b": np.array([0.1, 0.1, 0.5, 0.5]), "c": np.full(4, 0.9)}
    assert sorted(stretches(heights)) == [
        ("a", 0, 3, ["a"]),
        ("a", 2, 4, ["a", "b"]),
        ("b", 0, 3, ["b"]),
        ("b", 2, 4, ["a", "b"]),
        ("c", 0, 4, ["c"]),
    ]


def test_names_lie_apart_and_inside() -> None:
    heights = np.array([0.0, 0.5, 0.5, 0.5, 0.99, 1.0])
    places = spread(heights, 0.1)
    assert np.diff(places).min() >= 0.1 - 1e-12
    assert places.min() >= 0 and places.max() <= 1
    np.testing.assert_allclose(places[:4], [0.0, 0.4, 0.5, 0.6])
