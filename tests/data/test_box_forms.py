"""Boxes read in other forms are the boxes that were written in these forms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.box_forms import iou, read_otherwise


def written(name: str, box: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """x, y, width, height in pixels as a program would write it that means the form called so."""
    x, y, width, height = box.T
    if "centre" in name:
        columns = [x + width / 2, y + height / 2, width, height]
    elif "corners" in name:
        columns = [x, y, x + width, y + height]
    else:
        columns = [x, y, width, height]
    across, down = size.T
    if "shares" in name:
        columns = [column / side for column, side in zip(columns, (across, down, across, down), strict=True)]
    if "[y" in name:
        columns = [columns[place] for place in (1, 0, 3, 2)]
    return np.stack(columns, axis=1)


def test_each_form_is_read_as_it_is_written() -> None:
    rng = np.random.default_rng(0)
    size = rng.integers(50, 900, (20, 2)).astype(np.float64)
    start = rng.uniform(0, 0.5, (20, 2)) * size
    box = np.hstack([start, rng.uniform(0.05, 0.5, (20, 2)) * size])
    names = [name for name, _ in read_otherwise(box, size)]
    assert len(set(names)) == len(names) == 9
    for name in names:
        found = dict(read_otherwise(written(name, box, size), size))
        np.testing.assert_allclose(found.pop(name), box, rtol=1e-9, atol=1e-9)
        assert all((iou(other, box) < 0.999).any() for other in found.values()), name


def test_iou_of_pairs_and_tables() -> None:
    one, other = np.array([[0.0, 0, 4, 4], [0, 0, -1, 4], [0, 0, 0, 0]]), np.array([[2.0, 0, 4, 4]])
    np.testing.assert_allclose(iou(one, other), [1 / 3, 0, 0])
    np.testing.assert_allclose(iou(one[:, None], one[None])[0], [1, 0, 0])
    assert iou(np.array([[0.0, 0, 1e200, 1e200]]), other).shape == (1,)
