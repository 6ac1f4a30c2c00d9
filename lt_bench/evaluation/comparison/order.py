"""One order of losses by their values, and what seeds and images leave open of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.ranking import all_pairs, is_significant
from lt_bench.evaluation.comparison.redrawn import image_moves, means, seed_moves
from lt_bench.evaluation.comparison.runs import LossRuns
from lt_bench.evaluation.comparison.tau import signs

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Order:
    """values: float64 [L]. sure: [P], signs of the pairs as in tau.py, NaN where a pair is not significant.

    seeds: float64 [draws, L], images: [B, L], by how much others of either move the values, as in redrawn.py; None
    where that is not known.
    """

    values: Floats
    sure: Floats
    seeds: Floats | None
    images: Floats | None


def measured(
    runs: Sequence[LossRuns], metric: str, level: float, pooled: bool, draws: int, rng: np.random.Generator
) -> Order:
    """Of losses that all have a value. level: of significance, after Holm's correction. pooled: see all_pairs."""
    pairs = all_pairs(runs, metric, pooled=pooled)
    sure = np.array([np.sign(pair.value) if is_significant(pair, level) else np.nan for pair in pairs])
    return Order(means(runs, metric), sure, seed_moves(runs, metric, draws, rng), image_moves(runs, metric))


def published(values: Sequence[float]) -> Order:
    """Values that are taken as they are: nothing is known of how they would move."""
    found = np.array(values, dtype=np.float64)
    still = np.zeros((1, len(found)))
    return Order(found, signs(found), still, still)


def redrawn(order: Order, images: NDArray[np.integer] | None) -> Floats | None:
    """The values with other seeds, and with other images where `images` names rows of theirs: [draws, L] or [1, L]."""
    if order.seeds is None or (images is not None and order.images is None):
        return None
    moved = order.values + order.seeds
    return moved if images is None or order.images is None else moved + order.images[images]
