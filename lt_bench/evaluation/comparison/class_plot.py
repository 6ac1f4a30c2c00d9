"""Differences in AP by class against the number of training images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter

from lt_bench.evaluation.comparison.by_class import ByClass, ClassDifference
from lt_bench.evaluation.comparison.figures import BLUE, GREEN, GREY, ORANGE, PALE, STYLE, shorten
from lt_bench.utils.frequency import COMMON, FREQUENCIES, RARE

_LOOKS = {"r": (ORANGE, "^"), "c": (BLUE, "o"), "f": (GREEN, "s")}
_MANY = 150  # classes, with more of which intervals would hide each other
_NAMED = 3  # classes at either end
_SIZE = 7  # of their names, in points


def draw_classes(found: Sequence[ByClass]) -> Figure:
    """A panel for each pair, below each other."""
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
        bars = any(len(one.classes) <= _MANY for one in found)
        words = "bars: interval by resampling the images; " if bars else ""
        figure.text(0.1 / width, 1 - 0.5 / height, f"in points; {words}dashed: mean of a group", color=GREY)
    return figure


def _panel(ax: Any, found: ByClass) -> None:
    ax.set_title(shorten(f"{found.second} - {found.first}", 90), loc="left", fontsize=9.5, fontweight="bold", pad=5)
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
    ax.legend(loc="upper right", frameon=False, ncols=3, bbox_to_anchor=(1, 1.14), borderaxespad=0, handletextpad=0.2)
    _name(ax, [*found.gained()[:_NAMED], *found.lost()[:_NAMED]])


def _name(ax: Any, classes: Sequence[ClassDifference]) -> None:
    """The classes' names beside their points, each where it covers no other one and stays inside; else not at all."""
    ax.figure.canvas.draw()  # scales are final only then
    frame, unit = ax.get_window_extent(), ax.figure.dpi / 72
    taken: list[tuple[float, float, float, float]] = []
    for one in classes:
        x, y = max(one.about.training_images, 1), 100 * one.value
        name = shorten(one.about.name, 24)
        across, up = ax.transData.transform((x, y))
        width, height = (0.62 * _SIZE * len(name) + 5) * unit, 1.3 * _SIZE * unit
        for right, dy in ((True, 4), (False, 4), (True, -9), (False, -9)):
            left = across if right else across - width
            box = (left, up + dy * unit, left + width, up + dy * unit + height)
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                ax.annotate(
                    name,
                    (x, y),
                    (5 if right else -5, dy),
                    textcoords="offset points",
                    ha="left" if right else "right",
                    fontsize=_SIZE,
                    color="#202020",
                    path_effects=[withStroke(linewidth=1.8, foreground="white")],
                    zorder=3,
                )
                break


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


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
