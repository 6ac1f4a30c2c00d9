"""Loss profiles as text: medians by frequency group, and the numbers of every class."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lt_bench.api.class_stats import ClassStats
from lt_bench.loss_analysis.profile import GROUPS, LossProfile, frequency_groups

_SUMMARY = ("weight", "margin", "positive", "negative", "ratio")
_ALL = ("weight", "margin", "positive", "negative", "pull_up", "pull_down", "ratio")
_HEADERS = ("loss", "classes", "weight", "margin", "positive", "negative", "positive:negative")


def summary(profiles: Sequence[LossProfile], stats: ClassStats) -> str:
    """A line for each loss and frequency group: the medians over the group's classes, "-" where there is none."""
    from tabulate import tabulate

    groups = frequency_groups(stats)
    rows = []
    for profile in profiles:
        for group in GROUPS:
            if not (groups == group).any():
                continue
            values = (getattr(profile, column)[groups == group] for column in _SUMMARY)
            rows.append((profile.name if group == _first(groups) else "", group, *(_median(of) for of in values)))
    align = ("left", "left", *["right"] * len(_SUMMARY))
    return str(tabulate(rows, headers=_HEADERS, disable_numparse=True, colalign=align))


def write_csv(profiles: Sequence[LossProfile], stats: ClassStats, path: Path) -> None:
    """Every number: a line for each loss and class, background last. An empty field means that there is none."""
    background = stats.num_classes
    groups = frequency_groups(stats)
    names = [*(stats.names or [""] * background), "background"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("loss", "calls", "label", "class", "group", "image_count", "instance_count", *_ALL))
        for profile in profiles:
            for label in range(background + 1):
                counts = (stats.image_count[label], stats.instance_count[label]) if label < background else ("", "")
                values = (float(getattr(profile, column)[label]) for column in _ALL)
                numbers = ("" if np.isnan(value) else f"{value:.12g}" for value in values)
                writer.writerow((profile.name, profile.calls, label, names[label], groups[label], *counts, *numbers))


def _first(groups: npt.NDArray[np.str_]) -> str:
    return next(group for group in GROUPS if (groups == group).any())


def _median(values: npt.NDArray[np.float64]) -> str:
    values = values[~np.isnan(values)]
    return f"{np.median(values):.3g}" if len(values) else "-"
