"""Each loss's best cell: chosen on held-out images, for the classes that the validation set shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.study.grid import Cell, best
from benchmarks.study.rows import Row

if TYPE_CHECKING:
    from lt_bench.features.store import FeatureSet
    from lt_bench.leaderboard.schema import ResultRecord

GROUPS = {"APr": "r", "APc": "c", "APf": "f"}  # metric -> frequency of its classes


def as_on_val(row: Row, classes: Mapping[str, int]) -> float | None:
    """The mean of APr, APc and APf on held-out images, weighted as the validation set would; None where there is none.

    Held-out images show few of the rare classes, so that AP over the classes that they show is hardly about the tail.
    classes: how many classes of each frequency the validation set shows. A group without a value is left out.
    """
    total, weights = 0.0, 0
    for metric, frequency in GROUPS.items():
        value, weight = getattr(row, metric), classes.get(frequency, 0)
        if value is not None and value >= 0:
            total, weights = total + weight * value, weights + weight
    return total / weights if weights else None


def classes_shown(features: FeatureSet, split: str) -> Counter[str]:
    """Frequency -> how many of its classes have objects in a split."""
    categories = features.manifest.categories
    labels = np.unique(features.split(split).truth_labels)
    return Counter(str(categories[label].frequency) for label in labels.tolist())


def held_out_means(rows: Iterable[Row], record: ResultRecord) -> dict[Cell, dict[str, float]]:
    """Cell -> loss -> what the choice is made by: the mean over the seeds, NaN where the loss diverged.

    record: a run on the validation images.
    """
    shown: Counter[str] = Counter(str(row.frequency) for row in record.per_class if row.bbox is not None)
    found: dict[Cell, dict[str, list[float]]] = {}
    for row in rows:
        value = as_on_val(row, shown)
        found.setdefault(row.cell, {}).setdefault(row.loss, []).append(float("nan") if value is None else value)
    return {cell: {loss: float(np.mean(one)) for loss, one in losses.items()} for cell, losses in found.items()}


def chosen_cells(held_out: Mapping[Cell, Mapping[str, float]], own: Cell, cells: int) -> dict[str, Cell]:
    """Loss -> its best cell; empty where not all cells were run. held_out: as `held_out_means` gives it."""
    if len(held_out) < cells or own not in held_out:
        return {}
    chosen = {}
    for loss in sorted(held_out[own]):
        found = [(cell, values[loss]) for cell, values in held_out.items() if np.isfinite(values.get(loss, np.nan))]
        if found:
            chosen[loss] = best(found, own)
    return chosen
