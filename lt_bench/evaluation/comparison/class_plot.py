"""Differences in AP by class against the number of training images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from lt_bench.evaluation.comparison.by_class import ByClass, ClassDifference
from lt_bench.evaluation.comparison.comparison import Comparison
from lt_bench.evaluation.comparison.figures import BLUE, GREEN, GREY, ORANGE, PALE, STYLE, shorten
from lt_bench.evaluation.comparison.labels import Box, placed
from lt_bench.evaluation.terms import KINDS
from lt_bench.utils.frequency import COMMON, FREQUENCIES, RARE

_LOOKS = {"r": (ORANGE, "^"), "c": (BLUE, "o"), "f": (GREEN, "s")}
_MANY = 150  # classes, with more of which intervals would hide each other
_NAMED = 3  # classes at either end
_SIZE = 7  # of their names, in points


def draw_classes(found: Sequence[ByClass], comparison: Comparison) -> Figure:
    """A panel for each pair, below each other. comparison: that the pairs belong to."""
    width, height = 9.0, 0.75 + 3.1 * len(found)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=None)
        FigureCanvasAgg(figure)  # names are placed as they are drawn
        figure.subplots_adjust(
            left=0.65 / width, right=1 - 0.2 / width, top=1 - 0.85 / height, bottom=0.5 / height, hspace=0.35
        )
        axes = figure.subplots(len(found), 1, squeeze=False)[:, 0]
        for ax, one in zip(axes, found, strict=True):
            _panel(ax, one)
        axes[-1].set_xlabel("training images of the class", color=GREY)
        figure.text(0.1 / width, 1 - 0.27 / height, "Differences in AP by class", fontsize=12, fontweight="bold")
        lines, groups = axes[0].get_legend_handles_labels()
        figure.legend(lines, groups, loc="upper right", frameon=False, ncols=3, handletextpad=0.2)
        bars = any(len(one.classes) <= _MANY for one in found)
        options = comparison.options
        about = f"{KINDS[options.kind]} AP, in points; {comparison.images:,} validation images"
        words = f"bars: {100 * options.confidence:g} % intervals, images only; " if bars else ""
        figure.text(0.1 / width, 1 - 0.5 / height, f"{about}; {words}dashed: mean of a group", color=GREY)
    return figure


def _panel(ax: Any, found: ByClass) -> None:
    second, first = shorten(found.second, 44), shorten(found.first, 44)
    ax.set_title(f"{second} - {first}", loc="left", fontsize=9.5, fontweight="bold", pad=5)
    ax.axhline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.set_xscale("log")
    counts = [max(one.about.training_images, 1) for one in found.classes] or [1]
    ax.set_xlim(min(counts) / 1.3, max(counts) * 1.3)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    for border in (RARE + 0.5, COMMON + 0.5):
        if min(counts) < border < max(counts):
            ax.axvline(border, color=PALE, linewidth=0.7, zorder=0)
    for frequency, (colour, marker) in _LOOKS.items():
        classes = [one for one in found.classes if one.about.frequency == frequency]
        if classes:
            _group(ax, classes, colour, marker, FREQUENCIES[frequency], len(found.classes) <= _MANY)
    ax.margins(y=0.12)
    gained, lost = found.gained()[:_NAMED], found.lost()[:_NAMED]
    _name(ax, [one for two in zip_longest(gained, lost) for one in two if one is not None], found.classes)


def _name(ax: Any, named: Sequence[ClassDifference], classes: Sequence[ClassDifference]) -> None:
    """The names of the classes that gained and lost most, as far as there is room, with a line to their points."""
    ax.figure.canvas.draw()  # scales are final only then
    unit = ax.figure.dpi / 72
    names = [shorten(one.about.name, 24) for one in named]
    sizes = [(0.6 * _SIZE * len(name) * unit, 1.25 * _SIZE * unit) for name in names]
    every = _pixels(ax, [(one, one.value) for one in classes])
    marks = np.concatenate((every, every), axis=1) + 5 * unit * np.array((-1, -1, 1, 1))
    shown = [one for one in classes if one.interval is not None] if len(classes) <= _MANY else []
    low = _pixels(ax, [(one, one.interval.low) for one in shown if one.interval is not None])
    high = _pixels(ax, [(one, one.interval.high) for one in shown if one.interval is not None])
    bars = np.concatenate((low, high), axis=1) + unit * np.array((-1, 0, 1, 0))
    points = _pixels(ax, [(one, one.value) for one in named])
    frame = Box(*ax.get_window_extent().extents)
    for name, point, label in zip(names, points, placed(points, sizes, marks, bars, frame), strict=True):
        if label is None:
            continue
        back = ax.transAxes.inverted()
        ax.plot(
            *back.transform((point, label.end)).T,
            transform=ax.transAxes,
            color="#202020",
            linewidth=0.5,
            scalex=False,
            scaley=False,
            zorder=2.5,
        )
        ax.text(
            *back.transform(((label.box.left + label.box.right) / 2, (label.box.low + label.box.high) / 2)),
            name,
            transform=ax.transAxes,
            ha="center",
            va="center",
            fontsize=_SIZE,
            color="#202020",
            path_effects=[withStroke(linewidth=1.8, foreground="white")],
            zorder=3,
        )


def _pixels(ax: Any, points: Sequence[tuple[ClassDifference, float]]) -> NDArray[np.float64]:
    """Where a class is with a difference in AP: float64 [N, 2]."""
    places = [(max(one.about.training_images, 1), 100 * value) for one, value in points]
    found: NDArray[np.float64] = ax.transData.transform(np.array(places, dtype=float).reshape(-1, 2))
    return found


def _group(ax: Any, classes: Sequence[ClassDifference], colour: str, marker: str, label: str, bars: bool) -> None:
    x = np.array([max(one.about.training_images, 1) for one in classes], dtype=float)
    y = np.array([100 * one.value for one in classes])
    for place, one in enumerate(classes if bars else ()):
        if one.interval is not None:
            ends = (100 * one.interval.low, 100 * one.interval.high)
            ax.plot((x[place], x[place]), ends, color=colour, linewidth=0.9, alpha=0.45, zorder=1)
    few = len(classes) < _MANY
    style = {"markersize": 5 if few else 3, "alpha": 0.9 if few else 0.6, "markeredgecolor": "white"}
    ax.plot(x, y, linestyle="none", marker=marker, color=colour, markeredgewidth=0.4, label=label, zorder=2, **style)
    ax.plot((x.min() / 1.08, x.max() * 1.08), (y.mean(), y.mean()), color=colour, linewidth=1.1, linestyle=(0, (4, 3)))
