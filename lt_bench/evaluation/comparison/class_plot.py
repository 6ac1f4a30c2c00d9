"""Differences in AP by class against the number of training images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter

from lt_bench.evaluation.comparison.by_class import ByClass, ClassDifference
from lt_bench.evaluation.comparison.figures import BLUE, GREEN, GREY, ORANGE, PALE, STYLE, shorten
from lt_bench.utils.frequency import COMMON, FREQUENCIES, RARE

_LOOKS = {"r": (ORANGE, "^"), "c": (BLUE, "o"), "f": (GREEN, "s")}
_MANY = 150  # classes, with more of which intervals would hide each other
_NAMED = 3  # classes at either end


def draw_classes(found: Sequence[ByClass]) -> Figure:
    """A panel for each pair, below each other."""
    width, height = 9.0, 0.75 + 3.1 * len(found)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=None)
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
    for one in (*found.gained()[:_NAMED], *found.lost()[:_NAMED]):
        up = one.value > 0
        ax.annotate(
            shorten(one.about.name, 24),
            (max(one.about.training_images, 1), 100 * one.value),
            (5, 4 if up else -9),
            textcoords="offset points",
            fontsize=7,
            color="#202020",
            path_effects=[withStroke(linewidth=1.8, foreground="white")],
            zorder=3,
        )
    ax.legend(loc="upper right", frameon=False, ncols=3, bbox_to_anchor=(1, 1.14), borderaxespad=0, handletextpad=0.2)


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
