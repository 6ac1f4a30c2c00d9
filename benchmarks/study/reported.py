"""Published LVIS rows that a track can be held against: with its sampler, classifier and mask head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lt_bench.leaderboard.published_list import SHARED, extras, published, reported_settings

SCHEDULES = {"1x": "12ep", "2x": "24ep"}


@dataclass(frozen=True)
class Reported:
    """values: of a metric of masks, in percent, by loss. sources: of each."""

    schedule: str
    values: Mapping[str, float]
    sources: Mapping[str, str]


def reported(recipe: str, schedule: str, metric: str) -> Reported:
    """Mask R-CNN with ResNet-50 in one of SCHEDULES; only rows that state all the settings that the recipe has.

    Of several rows of a loss the first counts, which stands in an official README where there is one.
    """
    frame = published()
    same = frame[
        (frame["detector"] == "mask_rcnn")
        & (frame["backbone"] == "r50")
        & (frame["schedule"] == schedule)
        & (frame["epochs_or_iters"] == SCHEDULES[schedule])
    ]
    values: dict[str, float] = {}
    sources: dict[str, str] = {}
    column = "AP_mask" if metric == "AP" else metric
    for _, entry in same.iterrows():
        if extras(entry) or reported_settings(entry) != SHARED.get(recipe):
            continue
        if entry[column] and entry["loss"] not in values:
            values[str(entry["loss"])] = float(entry[column])
            sources[str(entry["loss"])] = str(entry["source"])
    return Reported(schedule, values, sources)
