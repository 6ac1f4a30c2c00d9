"""The comparison of detectors as one figure: seconds and peak memory of stock and lt_bench."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detector_summary import OURS, STOCK, compare

COLORS = {STOCK: "#e69f00", OURS: "#0072b2"}  # told apart with any colour vision
BAR = 0.38


def draw(data: Mapping[str, Any], target: Path) -> None:
    """Writes TARGET.png and TARGET.svg."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [compare(result) for result in data["results"]]
    names = [f"{one.task}\nC = {one.classes:,}, {one.setting}" for one in shown]
    with plt.rc_context({"svg.hashsalt": "lt_bench", "font.size": 9}):  # the same bytes for the same numbers
        figure, (time_axes, memory_axes) = plt.subplots(
            1, 2, figsize=(10, 1.2 + 0.55 * len(shown)), sharey=True, layout="constrained"
        )
        _bars(time_axes, [one.seconds for one in shown], [f"{one.faster:.1f} times faster" for one in shown])
        _bars(
            memory_axes,
            [{name: size / 1e9 for name, size in one.peak_bytes.items()} for one in shown],
            [f"{one.memory:.0%}" for one in shown],
        )
        time_axes.set_xlabel("seconds (logarithmic)")
        time_axes.set_xscale("log")
        memory_axes.set_xlabel("peak memory, GB")
        time_axes.set_yticks(range(len(shown)), names)
        time_axes.invert_yaxis()
        figure.suptitle(f"{data['machine']['device']}: stock mmdet and lvis-api (above) and lt_bench (below)")
        figure.savefig(target.with_suffix(".png"), dpi=150)
        figure.savefig(target.with_suffix(".svg"), metadata={"Date": None})
        plt.close(figure)


def _bars(axes: Any, values: list[Mapping[str, float]], labels: list[str]) -> None:
    for offset, name in ((-BAR / 2, STOCK), (BAR / 2, OURS)):
        bars = axes.barh(
            [row + offset for row in range(len(values))],
            [value[name] for value in values],
            height=BAR,
            color=COLORS[name],
        )
        if name == OURS:
            axes.bar_label(bars, labels, padding=3, fontsize=8)
    axes.margins(x=0.3)
    axes.spines[["top", "right"]].set_visible(False)
