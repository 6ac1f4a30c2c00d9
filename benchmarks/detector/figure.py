"""The comparison of detectors as one figure: seconds and peak memory of stock and lt_bench."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common import OURS, STOCK
from benchmarks.common.figure import BLUE, ORANGE, Bars, paired_bars, two_panels
from benchmarks.detector.summary import compare


def draw(data: Mapping[str, Any], target: Path) -> None:
    """Writes TARGET.png and TARGET.svg."""
    shown = [compare(result) for result in data["results"]]
    title = f"{data['machine']['device']}: stock mmdet and lvis-api (above) and lt_bench (below)"
    with two_panels(target, title, (10, 1.2 + 0.55 * len(shown))) as (time_axes, memory_axes):
        for axes, values, texts in (
            (time_axes, [one.seconds for one in shown], [f"{one.faster:.1f} times faster" for one in shown]),
            (memory_axes, [one.gigabytes for one in shown], [f"{one.memory:.0%}" for one in shown]),
        ):
            stock, ours = ([value[name] for value in values] for name in (STOCK, OURS))
            paired_bars(axes, Bars(stock, ORANGE), Bars(ours, BLUE, texts), margin=0.3)
        time_axes.set_xlabel("seconds (logarithmic)")
        time_axes.set_xscale("log")
        memory_axes.set_xlabel("peak memory, GB")
        time_axes.set_yticks(range(len(shown)), [f"{one.task}\nC = {one.classes:,}, {one.setting}" for one in shown])
