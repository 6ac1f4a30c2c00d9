"""AP against the value of a hyper-parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from scipy import stats

from lt_bench.evaluation.comparison.figures import BLUE, GREY, ORANGE, PALE, STYLE, shorten
from lt_bench.leaderboard.over_seeds import Spread
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.probe.table import GRID_METRICS, spreads

CONFIDENCE = 0.95
_LOOKS = {"AP": (BLUE, "o", "all classes"), "APr": (ORANGE, "^", "rare classes")}


def draw_grid(records: Mapping[Any, Sequence[ResultRecord]], loss: str, name: str, about: str) -> Figure:
    """A panel for AP and one for APr. records: value -> its seeds. about: of the track, in a few words."""
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in records)
    places = [float(value) if numeric else place for place, value in enumerate(records)]
    several = any(len(group) > 1 for group in records.values())
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 3.3), layout=None)
        figure.subplots_adjust(left=0.08, right=0.98, top=0.76, bottom=0.2, wspace=0.2)
        for ax, metric in zip(figure.subplots(1, len(GRID_METRICS)), GRID_METRICS, strict=True):
            _panel(ax, metric, places, [spreads(group).get(metric) for group in records.values()])
            ax.set_xlabel(shorten(name, 40))
            if numeric and min(places) > 0 and max(places) > 20 * min(places):
                ax.set_xscale("log")
            if not numeric or len(places) <= 8:
                ax.set_xticks(places, [shorten(str(value), 12) for value in records])
                ax.minorticks_off()
        figure.text(0.013, 0.925, f"{shorten(loss, 40)}: box AP by {shorten(name, 40)}", fontsize=12, fontweight="bold")
        bars = f"bars: {CONFIDENCE:.0%} intervals of the mean over seeds, without the chance of the images"
        figure.text(0.013, 0.86, f"{about}; {bars if several else 'one seed: no intervals'}", color=GREY)
    return figure


def half_width(spread: Spread) -> float | None:
    """Half of Student's interval of the mean, in [0, 1]; None where one seed shows no spread."""
    if spread.deviation is None:
        return None
    return float(stats.t.isf((1 - CONFIDENCE) / 2, spread.n - 1) * spread.deviation / spread.n**0.5)


def _panel(ax: Any, metric: str, places: Sequence[float], found: Sequence[Spread | None]) -> None:
    colour, marker, classes = _LOOKS[metric]
    ax.set_title(metric, loc="left", fontsize=9.5, fontweight="bold", pad=5)
    ax.set_title(classes, loc="right", fontsize=8, color=GREY, pad=5)
    shown = [(place, one) for place, one in zip(places, found, strict=True) if one is not None and one.mean is not None]
    ax.plot(
        [place for place, _ in shown],
        [100 * (one.mean or 0) for _, one in shown],
        color=colour,
        linewidth=1.1,
        zorder=2,
    )
    for place, one in shown:
        mean, half = 100 * (one.mean or 0), half_width(one)
        if half is not None:
            ax.plot((place, place), (mean - 100 * half, mean + 100 * half), color=colour, linewidth=1.6, zorder=2)
        ax.plot(place, mean, marker=marker, color=colour, markersize=4.5, zorder=3)
    ax.grid(axis="y", color=PALE, linewidth=0.4)
    ax.set_axisbelow(True)
    ax.margins(x=0.06, y=0.12)
