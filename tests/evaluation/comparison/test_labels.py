"""Names stand beside their own point: inside, on no mark and no other name, and no line crosses what is not its own."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lt_bench.evaluation.comparison.labels import Box, Label, placed

FRAME = Box(0, 0, 900, 300)
MARK = 5


def boxes(points: np.ndarray) -> np.ndarray:
    return np.concatenate((points - MARK, points + MARK), axis=1)


def holds(box: Box, points: np.ndarray) -> bool:
    """Whether any of the points [N, 2] lies in the box."""
    x, y = points.T
    return bool(((box.left < x) & (x < box.right) & (box.low < y) & (y < box.high)).any())


def dots(box: Box) -> np.ndarray:
    """A grid of points on a box, denser than any mark."""
    x, y = np.meshgrid(np.linspace(box.left, box.right, 60), np.linspace(box.low, box.high, 12))
    return np.stack((x.ravel(), y.ravel()), axis=1)


def on_line(point: np.ndarray, label: Label) -> np.ndarray:
    return point + np.linspace(0, 1, 200)[:, None] * (np.array(label.end) - point)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("low", "high", "count"), [((30, 20), (870, 280), 70), ((400, 130), (500, 170), 12)])
def test_names_cover_nothing_and_lines_cross_nothing(
    seed: int, low: tuple[int, int], high: tuple[int, int], count: int
) -> None:
    """Points all over, and points close together, whose lines have to fan out."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(low, high, (count, 2))
    named = points[:12]
    found = placed(named, [(120, 12)] * 12, boxes(points), np.empty((0, 4)), FRAME)
    shown = [(point, label) for point, label in zip(named, found, strict=True) if label is not None]
    assert len(shown) >= 5
    for point, label in shown:
        assert FRAME.left <= label.box.left and label.box.right <= FRAME.right
        assert FRAME.low <= label.box.low and label.box.high <= FRAME.high
        assert np.hypot(*(dots(label.box) - point).T).min() < 12 * 6
        for mark in boxes(points):
            assert not holds(Box(*mark), dots(label.box))
            if not holds(Box(*mark), point[None]):
                assert not holds(Box(*(mark + np.array((1, 1, -1, -1)))), on_line(point, label))
    for (one, label), (other, other_label) in combinations(shown, 2):
        lines = on_line(one, label), on_line(other, other_label)
        assert not holds(other_label.box, np.concatenate((dots(label.box), lines[0])))
        assert not holds(label.box, lines[1])
        assert np.hypot(*(lines[0][:, None] - lines[1]).T).min() > 0.5


def test_names_avoid_bars_where_there_is_room() -> None:
    point = np.array([[450.0, 150.0]])
    free = placed(point, [(60, 12)], boxes(point), np.empty((0, 4)), FRAME)[0]
    right = np.array([[460.0, 0.0, 462.0, 300.0]])
    moved = placed(point, [(60, 12)], boxes(point), right, FRAME)[0]
    everywhere = np.array([[float(x), 0.0, x + 2.0, 300.0] for x in range(0, 900, 20)])
    forced = placed(point, [(60, 12)], boxes(point), everywhere, FRAME)[0]
    assert free is not None and free.box.left > 450
    assert moved is not None and moved.box.right < 450
    assert forced == free


def test_a_name_without_room_is_left_out_and_the_next_one_is_not() -> None:
    points = np.array([[450.0, 150.0], [100.0, 150.0]])
    found = placed(points, [(2000, 12), (60, 12)], boxes(points), np.empty((0, 4)), FRAME)
    assert found[0] is None and found[1] is not None
