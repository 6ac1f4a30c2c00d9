"""Curves over class frequency: which classes make a point, where curves coincide, where their names have room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

from lt_bench.utils.frequency import RARE

Array = npt.NDArray[np.float64]

_PER_DECADE = 9
_COINCIDE = 0.01  # of the panel's height


def bins(images: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """The classes of each point of a curve, by number of images: one by one up to RARE, then evenly on a log scale."""
    place = np.ceil(np.log10(np.maximum(images, 1) / RARE) * _PER_DECADE)  # both of LVIS's borders end a point
    place = np.where(images <= RARE, images - RARE, place).astype(int)
    return [np.flatnonzero(place == at) for at in np.unique(place)]


def medians(values: Array, bins: Sequence[npt.NDArray[np.int64]]) -> Array:
    found = [values[classes][~np.isnan(values[classes])] for classes in bins]
    return np.array([np.median(part) if len(part) else np.nan for part in found])


def stretches(heights: dict[str, Array]) -> Iterator[tuple[str, int, int, list[str]]]:
    """Cuts each curve where company joins or leaves it: name, first point, one past the last, all losses there."""
    company = [
        _company({name: float(height[point]) for name, height in heights.items()})
        for point in range(len(next(iter(heights.values()), ())))
    ]
    for name in heights:
        # A segment has the company that both its ends have.
        segments = [
            [other for other in here.get(name, [name]) if other in there.get(name, [name])]
            for here, there in pairwise(company)
        ]
        for names, run in groupby(range(len(segments)), key=segments.__getitem__):
            points = list(run)
            yield name, points[0], points[-1] + 2, names


def _company(heights: dict[str, float]) -> dict[str, list[str]]:
    """For each loss with a height, all losses whose curves can't be told from its own there, in a fixed order."""
    order = sorted((name for name in heights if not np.isnan(heights[name])), key=lambda name: heights[name])
    together: list[list[str]] = []
    for name in order:
        if together and heights[name] - heights[together[-1][-1]] < _COINCIDE:
            together[-1].append(name)
        else:
            together.append([name])
    return {name: sorted(names) for names in together for name in names}


def spread(heights: Array, distance: float) -> Array:
    """Sorted heights, moved to lie `distance` apart and within the panel; those in each other's way share the move."""
    clusters: list[tuple[float, int]] = []  # mean of (height - place * distance), number of members
    for place, height in enumerate(heights):
        mean, size = float(height) - place * distance, 1
        while clusters and clusters[-1][0] > mean:
            before, members = clusters.pop()
            mean, size = (mean * size + before * members) / (size + members), size + members
        clusters.append((mean, size))
    base = np.concatenate([np.full(size, mean) for mean, size in clusters])
    rank = np.arange(len(heights))
    return np.asarray(np.clip(base + rank * distance, rank * distance, 1 - rank[::-1] * distance))
