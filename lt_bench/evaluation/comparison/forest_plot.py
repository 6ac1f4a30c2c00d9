"""The differences of losses as a forest plot: AP, and beside it AP of rare, common and frequent classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lt_bench.evaluation.comparison.comparison import Comparison, Pair
from lt_bench.evaluation.comparison.figures import BLACK, BLUE, GREY, ORANGE, PALE, STYLE, shorten
from lt_bench.evaluation.comparison.intervals import Interval
from lt_bench.evaluation.comparison.total import Difference
from lt_bench.evaluation.terms import KINDS

PANELS = {"AP": "all classes", "APr": "rare", "APc": "common", "APf": "frequent"}
_LONGEST = 36  # characters of a loss's name
_ONE_LINE = 40  # characters of a pair's names
_ROW, _HEAD, _FOOT = 0.5, 0.92, 1.08  # inches


class _Bar(NamedTuple):
    """One of the three intervals of a row."""

    field: str
    label: str
    colour: str
    marker: str
    offset: float
    width: float


_BARS = (
    _Bar("total", "seeds and images", BLACK, "D", 0.0, 2.2),
    _Bar("seeds", "seeds only", ORANGE, "o", 0.24, 1.4),
    _Bar("images", "images only", BLUE, "s", -0.24, 1.4),
)


def draw_forest(comparison: Comparison) -> Figure:
    """A row for each pair, a panel for each group of classes."""
    pairs = comparison.pairs
    labels = [_label(pair) for pair in pairs]
    left = 0.3 + 0.073 * max(len(line) for label in labels for line in label.split("\n"))  # inches
    width, height = left + 8.2, _HEAD + _FOOT + _ROW * max(len(pairs), 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=None)
        figure.subplots_adjust(
            left=left / width, right=1 - 0.15 / width, top=1 - _HEAD / height, bottom=_FOOT / height, wspace=0.1
        )
        axes = figure.subplots(1, len(PANELS), sharey=True)
        for ax, (metric, classes) in zip(axes, PANELS.items(), strict=True):
            _panel(ax, metric, classes, pairs)
        axes[0].set_yticks(range(len(pairs)), labels)
        axes[0].set_ylim(len(pairs) - 0.5, -0.5)
        options = comparison.options
        about = f"{KINDS[options.kind]} AP, {comparison.images:,} validation images"
        figure.text(0.1 / width, 1 - 0.27 / height, "Differences in AP", fontsize=12, fontweight="bold")
        figure.text(
            0.1 / width,
            1 - 0.5 / height,
            f"{about}, {100 * options.confidence:g} % intervals",
            color=GREY,
        )
        _key(figure, comparison)
    return figure


def _label(pair: Pair) -> str:
    """Both names, below each other where they are long."""
    second, first = shorten(pair.second, _LONGEST), shorten(pair.first, _LONGEST)
    return f"{second}{' ' if len(second) + len(first) + 3 <= _ONE_LINE else chr(10)}- {first}"


def _direction(pairs: tuple[Pair, ...]) -> str:
    """Which loss is better where, by name."""
    first, second = shorten(pairs[0].first, _LONGEST), shorten(pairs[0].second, _LONGEST)
    if len(pairs) == 1:
        return f"right of 0: {second} is better than {first}"
    return f"right of 0: the loss before the minus sign is better (first row: {second})"


def _panel(ax: Any, metric: str, classes: str, pairs: tuple[Pair, ...]) -> None:
    ax.set_title(metric, loc="left", fontsize=9.5, fontweight="bold", pad=5)
    ax.set_title(classes, loc="right", fontsize=8, color=GREY, pad=5)
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    reach = 0.0
    for row, pair in enumerate(pairs):
        if row % 2:
            ax.axhspan(row - 0.5, row + 0.5, color="#f4f4f4", linewidth=0, zorder=-1)
        one = pair.differences.get(metric)
        if one is None:
            ax.annotate("no such classes", (0, row), (0, 4), textcoords="offset points", ha="center", color=GREY)
            continue
        if not any(_shown(one)):
            ax.annotate("too few images", (0, row), (0, 4), textcoords="offset points", ha="center", color=GREY)
        for bar, interval in _shown(one):
            _draw(ax, bar, interval, one.value, row)
            reach = max(reach, abs(100 * interval.low), abs(100 * interval.high))
        reach = max(reach, abs(100 * one.value))
    reach = 1.08 * reach or 1.0
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, symmetric=True))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
    ax.grid(axis="x", color=PALE, linewidth=0.4)
    ax.set_axisbelow(True)


def _shown(one: Difference) -> Iterator[tuple[_Bar, Interval]]:
    for bar in _BARS:
        interval = getattr(one, bar.field)
        if interval is not None:
            yield (bar._replace(offset=0.0) if one.total is None and bar.field == "images" else bar), interval


def _draw(ax: Any, bar: _Bar, interval: Interval, value: float, row: int) -> None:
    y = row + bar.offset
    low, high = 100 * interval.low, 100 * interval.high
    ax.plot((low, high), (y, y), color=bar.colour, linewidth=bar.width, solid_capstyle="butt", zorder=2)
    for end in (low, high):
        ax.plot((end, end), (y - 0.05, y + 0.05), color=bar.colour, linewidth=bar.width, zorder=2)
    filled = bar.colour if bar.field == "total" else "white"
    ax.plot(100 * value, y, marker=bar.marker, color=bar.colour, markerfacecolor=filled, markersize=4.5, zorder=3)


def _key(figure: Figure, comparison: Comparison) -> None:
    """Which line is which, and what can't be known, at the foot."""
    width, height = figure.get_size_inches()
    present = [
        bar
        for bar in _BARS
        if any(getattr(one, bar.field) for pair in comparison.pairs for one in pair.differences.values())
    ]
    lines = [
        matplotlib.lines.Line2D(
            [],
            [],
            color=bar.colour,
            linewidth=bar.width,
            marker=bar.marker,
            markersize=4.5,
            markerfacecolor=bar.colour if bar.field == "total" else "white",
            label=bar.label,
        )
        for bar in present
    ]
    figure.legend(handles=lines, loc="lower left", ncols=3, frameon=False, bbox_to_anchor=(0.02 / width, 0.36 / height))
    words = "Each panel has a scale of its own."
    if any(len(runs) < 2 for runs in comparison.losses):
        words = f"{words} Where a loss has one seed, seeds are not covered."
    figure.text(0.1 / width, 0.26 / height, f"points of AP; {_direction(comparison.pairs)}", color=GREY)
    figure.text(0.1 / width, 0.08 / height, words, color=GREY)
