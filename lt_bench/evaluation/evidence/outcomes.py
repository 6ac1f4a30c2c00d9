"""Outcomes of detections, put together from what an evaluator says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.evidence.evidence import Outcomes

THRESHOLDS = 10
EVERY = (1 << THRESHOLDS) - 1  # the bits of all IoU thresholds
AREAS = ((0.0, 1e10), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))  # px^2, both ends included
CELLS = 1 << 14  # taken at once


def unseen(detections: int) -> Outcomes:
    """Of detections that no evaluator has looked at: ignored everywhere.

    So they remain if it forgets them, as lvis-api does with those that have no area. An ignored detection adds to no
    sum, so it changes neither precision nor recall.
    """
    shape = detections, len(AREAS)
    return Outcomes(np.zeros(shape, dtype=np.uint16), np.full(shape, EVERY, dtype=np.uint16))


def outside(area: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of N areas (px^2) lie outside each of the area ranges: bool [N, A]."""
    return np.stack([(area < low) | (area > high) for low, high in AREAS], axis=1)


def as_bits(flags: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """uint16 [N, ...] of bool [N, T, ...]: bit t is flag t."""
    bits = np.zeros((len(flags), *flags.shape[2:]), dtype=np.uint16)
    for threshold in range(THRESHOLDS):
        bits |= flags[:, threshold].astype(np.uint16) << np.uint16(threshold)
    return bits


def fill(outcomes: Outcomes, cells: Iterable[Mapping[str, Any] | None]) -> None:
    """Set the outcomes of what stands in lvis-api's `eval_imgs`, in place; the detection in row 0 has the id 1."""
    chosen = [cell for cell in filter(None, cells) if cell["dt_ids"]]
    for start in range(0, len(chosen), CELLS):
        _fill(outcomes, chosen[start : start + CELLS])


def _fill(outcomes: Outcomes, cells: list[Mapping[str, Any]]) -> None:
    counts = [len(cell["dt_ids"]) for cell in cells]
    areas = np.repeat([AREAS.index(tuple(cell["area_rng"])) for cell in cells], counts)
    rows = np.fromiter(chain.from_iterable(cell["dt_ids"] for cell in cells), dtype=np.int64) - 1
    matched = np.concatenate([cell["dt_matches"] for cell in cells], axis=1) != 0
    ignored = np.concatenate([cell["dt_ignore"] for cell in cells], axis=1) != 0
    outcomes.correct[rows, areas] = as_bits((matched & ~ignored).T)
    outcomes.ignored[rows, areas] = as_bits(ignored.T)
