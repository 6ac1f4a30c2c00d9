"""Outcomes of detections from what an evaluator says of each category and image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Outcomes

THRESHOLDS = 10
EVERY = (1 << THRESHOLDS) - 1  # the bits of all IoU thresholds
AREAS = ((0.0, 1e10), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))  # px^2, both ends included
CELLS = 1 << 14  # taken at once


class Keys(NamedTuple):
    """What an evaluator calls a cell's area range, and of its detections the ids, the matches and the ignore flags."""

    area: str
    ids: str
    matches: str
    ignored: str


VERNIER = Keys("aRng", "dtIds", "dtMatches", "dtIgnore")
LVIS_API = Keys("area_rng", "dt_ids", "dt_matches", "dt_ignore")


def unseen(detections: int) -> Outcomes:
    """Of detections that no evaluator has looked at: ignored everywhere.

    So they remain if it forgets them, as lvis-api does with those that have no area. An ignored detection adds to no
    sum, so it changes neither precision nor recall.
    """
    shape = detections, len(AREAS)
    return Outcomes(np.zeros(shape, dtype=np.uint16), np.full(shape, EVERY, dtype=np.uint16))


def fill(outcomes: Outcomes, rows: NDArray[np.int64], cells: Iterable[Mapping[str, Any] | None], keys: Keys) -> None:
    """Set the outcomes of what stands in `cells`, in place.

    cells: for a category, an image and an area range each, None where there is nothing. rows: int64, the place among
    all detections of the one whose id is 1, 2, ...
    """
    chosen = [cell for cell in filter(None, cells) if len(cell[keys.ids])]
    for start in range(0, len(chosen), CELLS):
        _fill(outcomes, rows, chosen[start : start + CELLS], keys)


def _fill(outcomes: Outcomes, rows: NDArray[np.int64], cells: list[Mapping[str, Any]], keys: Keys) -> None:
    counts = np.array([len(cell[keys.ids]) for cell in cells])
    areas = np.array([AREAS.index(tuple(cell[keys.area])) for cell in cells])
    ids = np.fromiter(chain.from_iterable(cell[keys.ids] for cell in cells), dtype=np.int64, count=counts.sum())
    matched = np.concatenate([cell[keys.matches] for cell in cells], axis=1) != 0
    ignored = np.concatenate([cell[keys.ignored] for cell in cells], axis=1) != 0
    place = rows[ids - 1], np.repeat(areas, counts)
    outcomes.correct[place] = _bits(matched & ~ignored)
    outcomes.ignored[place] = _bits(ignored)


def _bits(flags: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """uint16 [N] of bool [T, N]: bit t is flag t."""
    bits = np.zeros(flags.shape[1], dtype=np.uint16)
    for threshold, row in enumerate(flags):
        bits |= row.astype(np.uint16) << np.uint16(threshold)
    return bits
